import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { run } from '../docs/programs.ts';
import { root } from '../tidy/sources.ts';

describe('packages', () => {
  let directory: string;
  const tree = (name: string): string => join(directory, name);
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'godwit-d-'));
    // PostgreSQL's user passes through when the tests run as root.
    chmodSync(directory, 0o711);
  });
  after(() => rmSync(directory, { recursive: true }));

  async function build(kind: string, out: string, format: 'deb' | 'rpm' = 'deb'): Promise<string> {
    const { exitCode, stdout, stderr } = await run(process.execPath, [join(root, `infra/packages/${format}.mjs`), '--out', join(directory, out), kind]);
    equal(exitCode, 0, stderr);
    return stdout.trim();
  }

  const versionOf = (): string => (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

  async function fieldsOf(deb: string): Promise<Map<string, string>> {
    const { stdout } = await run('dpkg-deb', ['--field', deb]);
    return new Map(stdout.split('\n').filter((line) => /^[A-Z]/.test(line)).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
  }

  /** Starts it until it says that it is ready, and looks at what it serves. */
  async function serves(program: string, data: string): Promise<void> {
    const child = spawn(program, ['--data', data, '--listen', '127.0.0.1:0', '--json'], { env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    let said = '';
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
    const ready = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, ended.then(([code]) => Promise.reject(new Error(`exit ${code}: ${said}`)))]);
    const { url } = JSON.parse(ready[0]) as { url: string };
    equal((await fetch(`${url}/readyz`)).status, 200);
    equal((await fetch(`${url}/dashboard/`)).status, 200);
    child.kill('SIGTERM');
    equal((await ended)[0], 0);
  }

  test('that of the agent runs where it was unpacked, on its own Node, and brings what its system looks for', async () => {
    const deb = await build('agent', 'a');
    match(basename(deb), /^godwit_\d+\.\d+\.\d+_amd64\.deb$/);
    equal(digest(await build('agent', 'b')), digest(deb), 'the same commit gives the same bytes');
    equal((await run('dpkg-deb', ['-x', deb, tree('agent')])).exitCode, 0);
    // No Node anywhere but its own.
    const { exitCode, stdout, stderr } = await run(join(tree('agent'), 'usr/bin/godwit'), ['--version'], { environment: { PATH: '/usr/bin:/bin', GODWIT_HOME: tree('home') } });
    equal(exitCode, 0, stderr);
    const fields = await fieldsOf(deb);
    equal(stdout.trim(), fields.get('Version'));
    const helped = await run(join(tree('agent'), 'usr/bin/godwit'), ['doctor'], { environment: { PATH: '/usr/bin:/bin', GODWIT_HOME: tree('home') } });
    match(helped.stderr, /\[AGENT_UNREACHABLE\]/);
    const { stdout: listed } = await run('dpkg-deb', ['-c', deb]);
    for (const path of ['usr/share/man/man1/godwit.1.gz', 'usr/share/bash-completion/completions/godwit', 'usr/share/zsh/vendor-completions/_godwit', 'usr/share/fish/vendor_completions.d/godwit.fish', 'usr/lib/udev/rules.d/60-godwit.rules', 'usr/lib/systemd/system/godwit-agent.service', 'usr/lib/systemd/user/godwit-agent.service', 'usr/lib/sysusers.d/godwit.conf']) ok(listed.includes(`./${path}\n`), path);
    deepEqual(listed.split('\n').filter((line) => line !== '' && !line.includes(' root/root ')), []);
    deepEqual(listed.split('\n').filter((line) => /\.test\.js|\/testing\/|node_modules\/(typescript|eslint|@nestjs)\//.test(line)), []);
  });

  test('that of the coordinator serves where it was unpacked, on its own Node, and its units find it', async () => {
    const deb = await build('coordinator', 'c');
    equal((await run('dpkg-deb', ['-x', deb, tree('coordinator')])).exitCode, 0);
    await serves(join(tree('coordinator'), 'usr/bin/godwit-coordinator'), join(directory, 'data'));
    const unit = readFileSync(join(tree('coordinator'), 'usr/lib/systemd/system/godwit-coordinator.service'), 'utf8');
    const [, program] = /^ExecStart=(\S+)/m.exec(unit)!;
    ok(readFileSync(join(tree('coordinator'), program!)).length > 0);
    ok(readFileSync(join(tree('coordinator'), 'usr/lib/godwit-coordinator/apps/dashboard/dist/page/index.html')).length > 0);
  });

  test('those of rpm have the same files, and the same bytes from the same commit', async () => {
    const rpm = await build('agent', 'r', 'rpm');
    equal(digest(await build('agent', 's', 'rpm')), digest(rpm));
    const listed = (text: string): string[] => text.split('\n').filter((line) => line !== '').sort();
    const { stdout: ofRpm } = await run('rpm', ['-qp', '--nosignature', '--dbpath', tree('db'), '-l', rpm]);
    const { stdout: ofDeb } = await run('sh', ['-c', `dpkg-deb --fsys-tarfile "$1" | tar -t`, 'sh', join(directory, 'a', `godwit_${versionOf()}_amd64.deb`)]);
    deepEqual(listed(ofRpm), listed(ofDeb.replace(/^\./gm, '').replace(/\/$/gm, '').replace(/^\n/, '')));
    const { stdout: scripts } = await run('rpm', ['-qp', '--nosignature', '--dbpath', tree('db'), '--scripts', rpm]);
    match(scripts, /systemd-sysusers godwit\.conf[^]*are there still\./);
  });

  test('their scripts fetch nothing and start nothing, and their bills of materials name each package with its digest', async () => {
    for (const kind of ['a/godwit', 'c/godwit-coordinator']) {
      const [deb] = [join(directory, `${kind}_${versionOf()}_amd64.deb`)];
      const control = tree(`control-${basename(kind)}`);
      equal((await run('dpkg-deb', ['-e', deb, control])).exitCode, 0);
      for (const script of ['postinst', 'postrm']) {
        const text = readFileSync(join(control, script), 'utf8');
        equal((await run('sh', ['-n', join(control, script)])).exitCode, 0);
        ok(!/\b(curl|wget|npm|apt-get|systemctl (start|enable)|rm )\b/.test(text), text);
      }
      match(readFileSync(join(control, 'postrm'), 'utf8'), /are there still\./);
      const unpacked = tree(basename(kind) === 'godwit' ? 'agent' : 'coordinator');
      const bill = JSON.parse(readFileSync(join(unpacked, `usr/share/doc/${basename(kind)}/sbom.cdx.json`), 'utf8')) as { components: { name: string; type: string; hashes?: unknown[]; version: string }[] };
      ok(bill.components.length > 10);
      deepEqual(bill.components.filter(({ type, hashes }) => type === 'library' && hashes === undefined), []);
      ok(bill.components.some(({ name, version }) => name === 'node' && version === process.versions.node));
    }
  });
});
