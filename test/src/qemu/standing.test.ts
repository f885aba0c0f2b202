import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cont, migrate, migrateCancel, migrateContinue, qmpErrorClass, queryMigrate, queryStatus, setMigrationCapabilities, setMigrationParameters, stop } from '@godwit/qemu';
import { acceptOne, startBareMachine, type BareMachine } from './bare-machine.ts';
import { capture, LazyResume, resumeEagerly, type Captured } from './playback.ts';

/** What QEMU does with a guest that is captured while it must not run: docs/qemu-migration.md, "A guest that stands still". */
describe('a guest that stands still', { timeout: 60_000 }, () => {
  let source: BareMachine;
  let captured: Captured;
  let memory: Buffer;

  before(async () => {
    source = await startBareMachine();
    await sleep(500);
    await stop(source.qmp);
    memory = await source.readMemory();
  });
  after(() => source.end());

  test('is paused as before when its capture is cancelled while pages are sent', async () => {
    await setMigrationCapabilities(source.qmp, ['events', 'pause-before-switchover']);
    await setMigrationParameters(source.qmp, { maxBandwidthBytes: 2 ** 20 });
    const path = `${source.directory}/cancelled`;
    const { connection } = await acceptOne(path);
    await migrate(source.qmp, path);
    (await connection).resume();
    await sleep(100);
    assert.equal((await queryMigrate(source.qmp)).status, 'active');
    await migrateCancel(source.qmp);
    while ((await queryMigrate(source.qmp)).status !== 'cancelled') await sleep(10);
    assert.equal((await queryStatus(source.qmp)).status, 'paused');
  });

  test('is captured whole, without having run', async () => {
    let ran = false;
    const running = source.qmp.waitFor('RESUME', () => true, { timeoutMs: 60_000 });
    running.then(() => (ran = true), () => undefined); // It ends with the session.
    captured = await capture(source, ['pause-before-switchover'], async () => {
      assert.equal((await queryStatus(source.qmp)).status, 'finish-migrate');
      await migrateContinue(source.qmp);
    });
    assert.deepEqual([captured.ended, captured.seen.complete, ran], [true, true, false]);
    assert.ok((await source.readMemory()).equals(memory));
  });

  test('is not captured a second time before it has run, which takes milliseconds', async () => {
    assert.equal((await queryStatus(source.qmp)).status, 'postmigrate');
    await assert.rejects(migrate(source.qmp, `${source.directory}/again`), /previous migration/);
    const startedMs = performance.now();
    await Promise.all([cont(source.qmp), stop(source.qmp)]);
    console.log(`ran and stood still again within ${(performance.now() - startedMs).toFixed(1)} ms`);
    assert.equal((await queryStatus(source.qmp)).status, 'paused');
    const again = await capture(source, ['pause-before-switchover'], () => migrateContinue(source.qmp));
    assert.ok(again.ended && again.seen.complete);
  });

  test('played eagerly it stands still until it is told to run', async () => {
    const machine = await startBareMachine('-incoming', 'defer');
    try {
      await resumeEagerly(machine, captured);
      assert.deepEqual([await queryStatus(machine.qmp), (await queryMigrate(machine.qmp)).status], [{ status: 'paused', running: false }, 'completed']);
      assert.ok((await machine.readMemory()).equals(memory));
      await cont(machine.qmp);
      assert.equal((await queryStatus(machine.qmp)).running, true);
    } finally {
      await machine.end();
    }
  });

  test('played by post-copy it runs by itself', async (t) => {
    const machine = await startBareMachine('-incoming', 'defer');
    try {
      if (!(await allowed(machine, t))) return;
      const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 10_000 });
      const resume = new LazyResume(machine, captured);
      await resume.begin();
      await resumed;
      assert.equal(await resume.complete(), 0);
      assert.equal((await queryStatus(machine.qmp)).running, true);
    } finally {
      await machine.end();
    }
  });
});

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
