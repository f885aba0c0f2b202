import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { faultCodes, type FaultEntry } from '@godwit/base';
import { godwitSubcommands, npmScripts, subcommandsOfHelp, type NamedCommand } from './commands.ts';
import { filesMatching, root } from './sources.ts';

const cli = 'apps/agent/dist/cli/main.js';
// Until there is a README nobody is told to type anything; from then on the command must be there and know what is named.
const skip = existsSync(join(root, 'README.md')) ? false : 'because there is no README.md yet';
const prose = filesMatching(/^README\.md$|^docs\/(?!decisions\/).*\.md$/);
const places = (commands: readonly NamedCommand[]): string[] => commands.map(({ place, name }) => `${place} ${name}`);

describe('commands named in prose', () => {
  test('the rules find what they are for', () => {
    const text = 'Godwit is a bird: godwit flies.\nType `godwit suspend NAME`, `npm run demo -- --json F`, npm test.\n```sh\n$ godwit resume --eager x\ngodwit start | stop NAME\nnpm ci && npm run -s docs:errors\n```\n';
    assert.deepEqual(places(npmScripts({ path: 'a', text })), ['a:2 demo', 'a:2 test', 'a:6 docs:errors']);
    assert.deepEqual(places(godwitSubcommands({ path: 'a', text })), ['a:2 suspend', 'a:4 resume', 'a:5 start', 'a:5 stop']);
    assert.deepEqual([...subcommandsOfHelp('Usage: godwit\n\nOptions:\n  -h, --help  x\n\nCommands:\n  init [options]   make\n  status [name]    where\n')], ['init', 'status']);
  });

  test('every npm script that is named exists', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = prose.flatMap(npmScripts);
    assert.deepEqual(places(named.filter(({ name }) => !Object.hasOwn(scripts, name))), []);
  });

  test('every godwit subcommand that is named exists, in prose and in the hints of faults', { skip }, () => {
    const known = subcommandsOfHelp(execFileSync(process.execPath, [join(root, cli), '--help'], { encoding: 'utf8' }));
    assert.ok(known.size > 5, 'the help lists the subcommands');
    const hints = Object.entries(faultCodes as Record<string, FaultEntry>).map(([code, { hint }]) => ({ path: code, text: hint }));
    const named = [...prose, ...hints].flatMap(godwitSubcommands);
    assert.deepEqual(places(named.filter(({ name }) => !known.has(name))), []);
  });

  test('the README says how to start', { skip }, () => {
    const readme = prose.filter(({ path }) => path === 'README.md');
    assert.ok(readme.flatMap(npmScripts).length > 0 && readme.flatMap(godwitSubcommands).length > 0);
  });
});
