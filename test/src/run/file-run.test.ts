import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTestFile } from './file-run.ts';

const LIMIT_MS = 20_000;

describe('running a test file', () => {
  let dir = '';
  before(() => { dir = mkdtempSync(join(tmpdir(), 'godwit-run-')); });
  after(() => { rmSync(dir, { recursive: true }); });

  const run = (source: string, limitMs = LIMIT_MS) => {
    const file = join(dir, 'sample.test.mjs');
    writeFileSync(file, `import test, { describe } from 'node:test';\nimport { spawn } from 'node:child_process';\n${source}`);
    return runTestFile(file, limitMs);
  };
  const ownFailure = (detail: string) => [{ name: '(the file itself)', detail }];

  it('counts each test once, and no suite', async () => {
    const result = await run(`
      describe('suite', () => {
        test('good', (t) => { t.diagnostic('took 5 ms'); });
        test('later', { skip: 'why not' }, () => {});
        test('unfinished', { todo: true }, () => { throw new Error('not yet'); });
        test('bad', () => { throw new Error('broken on purpose'); });
      });
      test('parent', async (t) => { await t.test('child', () => { throw new Error('broken child'); }); });`);
    assert.equal(result.passed, 1);
    assert.equal(result.skipped, 2);
    assert.deepEqual(result.failures.map(({ name }) => name), ['bad', 'child']);
    assert.match(result.failures[0]?.detail ?? '', /broken on purpose/);
    assert.deepEqual(result.notes, ['took 5 ms']);
  });

  it('fails a file that throws outside its tests, and shows what it printed', async () => {
    const result = await run(`test('good', () => {}); setTimeout(() => { throw new Error('stray'); }, 20); test('slow', () => new Promise((done) => setTimeout(done, 100)));`);
    assert.ok(result.failures.length > 0);
    const crashed = await run(`throw new Error('at load');`);
    assert.deepEqual(crashed.failures, ownFailure('ended with exit code 1'));
    assert.match(crashed.output, /at load/);
  });

  it('fails a file that ends itself in the middle, and keeps what had passed', async () => {
    const result = await run(`test('good', () => {}); test('exit', async () => { await new Promise((done) => setTimeout(done, 50)); process.exit(7); });`);
    assert.equal(result.passed, 1);
    assert.deepEqual(result.failures, ownFailure('ended with exit code 7'));
    const killed = await run(`test('good', () => { process.kill(process.pid, 'SIGKILL'); });`);
    assert.deepEqual(killed.failures, ownFailure('was ended by SIGKILL'));
  });

  it('fails a file without tests', async () => {
    assert.deepEqual((await run('')).failures, ownFailure('holds no test'));
  });

  it('ends a file that loops, and one that keeps something open', async () => {
    const looping = await run(`test('good', () => {}); test('loop', () => { for (;;); });`, 1_000);
    assert.deepEqual(looping.failures, ownFailure('did not end within 1 s'));
    const open = await run(`test('good', () => { setInterval(() => {}, 1000); });`, 1_000);
    assert.equal(open.passed, 1);
    assert.deepEqual(open.failures, ownFailure('did not end within 1 s'));
  });

  it('fails a file that leaves a process behind, and ends that process', async () => {
    const result = await run(`test('good', () => { const left = spawn('sleep', ['60'], { stdio: 'ignore' }); left.unref(); console.log(left.pid); });`);
    assert.deepEqual(result.failures, ownFailure('left processes behind'));
    const pid = Number(result.output.trim());
    assert.ok(pid > 0);
    const deadlineMs = performance.now() + 2_000;
    while (isThere(pid) && performance.now() < deadlineMs) await new Promise((done) => setTimeout(done, 20));
    assert.equal(isThere(pid), false);
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
