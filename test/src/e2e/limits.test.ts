import { equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { filesMatching } from '../tidy/sources.ts';

interface Row {
  readonly what: string;
  readonly words: readonly string[];
  readonly says: string;
}

const [page] = filesMatching(/^docs\/limits\.md$/);
const table = page!.text.split('<!-- devices:')[1]!.split('<!-- end of devices -->')[0]!;
const rows = [...table.matchAll(/^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$/gm)].map(([, what, words, says]): Row => ({ what: what!, words: words!.split(' '), says: says! }));
const limitMs = 60_000;

/** A guest that never ran, with one more device, is asked for its state. What QEMU's monitor says. */
function askForState(words: readonly string[]): Promise<string> {
  const machine = ['-machine', 'q35,accel=tcg', '-m', '64', '-S', '-display', 'none', '-nodefaults', '-serial', 'none', '-monitor', 'stdio'];
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', [...machine, ...words], { stdio: ['pipe', 'pipe', 'pipe'], timeout: limitMs });
    let said = '';
    for (const stream of [qemu.stdout, qemu.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    qemu.once('error', reject);
    qemu.once('close', () => resolve(said));
    qemu.stdin.end('migrate "exec:cat >/dev/null"\ninfo migrate\nquit\n');
  });
}

/** Real QEMU on each line of the page, as in the machine contract: what the page says is what it does. */
describe('what does not travel', { concurrency: 2, timeout: 180_000 }, () => {
  test('the page has its table', () => equal(rows.length >= 7 && rows.some(({ says }) => says === 'completed'), true));
  for (const { what, words, says } of rows) {
    test(`${what}: ${says}`, async () => {
      const said = await askForState(words);
      ok(said.includes(says), said);
      equal(said.includes('Error:'), says !== 'completed', said);
    });
  }
});
