import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFrozen, isRunning, processId, signalTo } from './process-id.ts';

describe('a process by its id and its start', () => {
  test('is found, stopped, continued and ended; another start is another process', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const id = processId(child.pid!)!;
    const other = { pid: id.pid, startTicks: String(Number(id.startTicks) + 1) };
    assert.deepEqual([isRunning(id), isRunning(other), isFrozen(id)], [true, false, false]);
    assert.equal(signalTo(id, 'SIGSTOP'), true);
    while (!isFrozen(id)) await sleep(5);
    assert.equal(isFrozen(other), false);
    assert.equal(signalTo(other, 'SIGKILL'), false);
    await sleep(50);
    assert.equal(signalTo(id, 'SIGCONT'), true);
    while (isFrozen(id)) await sleep(5);
    assert.equal(child.signalCode, null);
    assert.equal(signalTo(id, 'SIGKILL'), true);
    await once(child, 'exit');
    assert.deepEqual([processId(id.pid), isRunning(id), isFrozen(id), signalTo(id, 'SIGKILL')], [undefined, false, false, false]);
  });

  test('that has ended does not run, whether its parent has waited for it or not', async () => {
    // The shell becomes a program that waits for nobody.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const id = processId(Number(said.toString()));
    assert.ok(id !== undefined && isRunning(id));
    await sleep(500);
    assert.equal(isRunning(id), false);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });

  test('that cannot be looked at is taken to run, and another is not taken to have ended', () => {
    const module = join(import.meta.dirname, 'process-id.js');
    const source = `
      import { openSync } from 'node:fs';
      const { isRunning, processId } = await import(${JSON.stringify(module)});
      const id = processId(process.pid);
      try { for (;;) openSync('/dev/null'); } catch (error) { if (error.code !== 'EMFILE') throw error; }
      let refused = 'nothing';
      try { processId(process.pid); } catch (error) { refused = error.code; }
      process.stdout.write(isRunning(id) + ' ' + refused);
    `;
    assert.equal(execFileSync('sh', ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, source], { encoding: 'utf8' }), 'true EMFILE');
  });
});
