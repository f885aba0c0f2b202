import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cont, migrateContinue, qmpErrorClass, queryMigrate, queryStatus, setMigrationCapabilities, stop } from '@godwit/qemu';
import { startBareMachine, type BareMachine } from './bare-machine.ts';
import { capture, LazyResume, resumeEagerly, type Captured } from './playback.ts';

/** SeaBIOS under software emulation has done its work after about 200 ms. */
const firmwareMs = 500;
const paused = ['-incoming', 'defer', '-S'];
const running = ['-incoming', 'defer'];

async function withMachine(extra: readonly string[], work: (machine: BareMachine) => Promise<void>, manner?: 'quit' | 'kill'): Promise<void> {
  const machine = await startBareMachine(...extra);
  try {
    await work(machine);
  } finally {
    await machine.end(manner);
  }
}

/** An ordinary user has no userfaultfd (see `godwit doctor`): then post-copy cannot be tested, and that is said. */
async function allowed(machine: BareMachine, t: TestContext): Promise<boolean> {
  try {
    await setMigrationCapabilities(machine.qmp, ['postcopy-ram']);
    return true;
  } catch (error) {
    if (qmpErrorClass(error) === undefined) throw error;
    t.skip('because QEMU may not use userfaultfd here');
    return false;
  }
}

/** Takes every RAM_DISCARD (command 6) out of an opening. */
function withoutDiscards(opening: Buffer): Buffer {
  const kept: Buffer[] = [];
  const mark = Buffer.from('080006', 'hex');
  let offset = 0;
  for (let found = opening.indexOf(mark); found >= 0; found = opening.indexOf(mark, offset)) {
    kept.push(opening.subarray(offset, found));
    offset = found + 5 + opening.readUInt16BE(found + 3);
  }
  assert.ok(offset > 0);
  return Buffer.concat([...kept, opening.subarray(offset)]);
}

describe('a firmware-only machine, captured from QEMU and played back into another', { timeout: 60_000 }, () => {
  let captured: Captured;
  let memory: Buffer;

  before(async () => {
    await withMachine([], async (source) => {
      await sleep(firmwareMs);
      captured = await capture(source, ['pause-before-switchover'], () => migrateContinue(source.qmp));
      memory = await source.readMemory();
    });
  });

  test('the capture is whole', () => {
    assert.equal(captured.configuration.machineType, 'pc-q35-7.2');
    assert.equal(captured.ended, true);
    assert.equal(captured.ramEnds, 1);
    assert.equal(captured.seen.complete, true);
    assert.ok(captured.blocks.some(({ id, usedLengthBytes }) => id === 'pc.ram' && usedLengthBytes === memory.length));
    assert.ok(memory.some((byte) => byte !== 0));
  });

  test('eagerly: memory is equal, and the guest runs', async () => {
    await withMachine(paused, async (machine) => {
      await resumeEagerly(machine, captured);
      assert.ok((await machine.readMemory()).equals(memory));
      const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 5000 });
      await cont(machine.qmp);
      await resumed;
      assert.equal((await queryStatus(machine.qmp)).running, true);
    });
  });

  for (const [name, hotPages] of [['', []], [', with hot pages sent ahead', [0, 1, 2, 700]]] as const) {
    test(`by post-copy${name}: runs before its memory has arrived, then completes`, async (t) => {
      await withMachine(running, async (machine) => {
        if (!(await allowed(machine, t))) return;
        const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 10_000 });
        const completed = machine.qmp.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 20_000 });
        completed.catch(() => undefined); // Awaited below, when the guest runs.
        const resume = new LazyResume(machine, captured);
        await resume.begin({ hotPages });
        await resumed;
        // Loading devices reads guest memory: those pages were asked for, and few others.
        assert.ok(resume.requests.length > 0);
        assert.ok(resume.sent.remainingPages > memory.length / 4096 / 2);
        assert.equal(await resume.complete(), 0);
        await completed;
        assert.equal((await queryStatus(machine.qmp)).running, true);
        assert.equal((await queryMigrate(machine.qmp)).status, 'completed');
      });
    });
  }

  test('by post-copy: memory is equal, whether asked for or filled in', async (t) => {
    await withMachine(paused, async (machine) => {
      if (!(await allowed(machine, t))) return;
      const resume = new LazyResume(machine, captured);
      await resume.begin({ hotPages: [0, 1, 2, 700] });
      await resume.devicesLoaded.promise;
      // Reading memory faults page after page, while the rest is still on this side.
      const reading = machine.readMemory();
      while (resume.requests.length < 100) await sleep(5);
      assert.equal(await resume.complete(), 0);
      assert.ok((await reading).equals(memory));
    });
  });

  test('by post-copy without a discard QEMU hangs, which is why the opening has them', async (t) => {
    await withMachine(running, async (machine) => {
      if (!(await allowed(machine, t))) return;
      const resume = new LazyResume(machine, captured);
      const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 1000 });
      resumed.catch(() => undefined); // Awaited below: that it does not come is the test.
      await resume.begin({ changeOpening: withoutDiscards });
      await assert.rejects(resumed, { code: 'QMP_TIMEOUT' });
    }, 'kill');
  });
});

describe('a background snapshot of a firmware-only machine', { timeout: 30_000 }, () => {
  test('holds the memory of the instant of the pause, while the guest goes on', async (t) => {
    let captured: Captured | undefined;
    let memory: Buffer = Buffer.alloc(0);
    await withMachine([], async (source) => {
      await sleep(firmwareMs);
      try {
        await setMigrationCapabilities(source.qmp, ['background-snapshot']);
      } catch (error) {
        if (qmpErrorClass(error) === undefined) throw error;
        t.skip('because QEMU may not use userfaultfd with write protection here');
        return;
      }
      await stop(source.qmp);
      memory = await source.readMemory();
      captured = await capture(source, ['background-snapshot']);
      assert.equal((await queryStatus(source.qmp)).running, true);
      assert.equal(captured.ramEnds, 0);
      assert.equal(captured.seen.complete, true);
    });
    if (captured === undefined) return;
    const whole = captured;
    await withMachine(paused, async (machine) => {
      await resumeEagerly(machine, whole);
      assert.ok((await machine.readMemory()).equals(memory));
    });
  });
});
