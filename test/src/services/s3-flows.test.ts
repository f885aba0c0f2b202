import { equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../tidy/sources.ts';
import { startCeph } from './ceph.ts';

/** What a coordinator does on a directory it does on a bucket: the same tests of its front door, down to a real PostgreSQL and a real S3. */
for (const [name, least] of [['flows', 100], ['views', 20], ['backup/backup', 2]] as const) {
  test(`all ${name} of the coordinator on S3`, async () => {
    await using ceph = await startCeph();
    await ceph.client.makeBucket('flows');
    const { exitCode, said } = await runTests(join(root, `apps/api/dist/${name}.test.js`), ceph.environmentOf('flows'));
    const passed = Number(/^# pass (\d+)$/m.exec(said)?.[1]);
    ok(passed >= least, `${passed} passed\n${failuresIn(said)}`);
    equal(exitCode, 0, failuresIn(said));
  });
}

function runTests(file: string, environment: Record<string, string>): Promise<{ exitCode: number; said: string }> {
  // Without the runner's own word to its children: this one is no part of it.
  const { NODE_TEST_CONTEXT: _, ...own } = process.env;
  const child = spawn(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=tap', file], { env: { ...own, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? -1, said }));
  });
}

function failuresIn(said: string): string {
  const lines = said.split('\n');
  return lines.flatMap((line, at) => (/^\s*not ok /.test(line) ? lines.slice(at, at + 14) : [])).join('\n').slice(0, 6_000);
}
