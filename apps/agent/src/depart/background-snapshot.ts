import { join } from 'node:path';
import { Fault, type Clock } from '@godwit/base';
import { cont, migrate, queryMigrate, queryStatus, setMigrationCapabilities, setMigrationParameters, stop, type QmpEvent, type QmpSession } from '@godwit/qemu';
import { unlessCalledOff } from '../desktop/called-off.ts';
import type { Machine } from '../machine/machine.ts';
import type { Privilege } from '../machine/privilege.ts';
import { runOn, type Captured } from './capture-state.ts';
import type { StateReceiver } from './receive-state.ts';

export interface SnapshotOptions {
  readonly machine: Machine;
  readonly privilege: Privilege;
  readonly receiver: StateReceiver;
  /** Has sent QEMU what freezes the disks when it returns, and resolves when they are frozen. */
  readonly freeze: () => Promise<void>;
  /** True: from here on nobody else may let the guest run, or memory and disks would be of two instants. False: that is over. */
  readonly keepStanding: (standing: boolean) => void;
  /** Whether the guest may run now, as far as others have a say in it. */
  readonly mayRun: () => boolean;
  readonly clock: Clock;
  readonly onProgress: (streamBytes: number) => void;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Receives the whole state of a guest that runs, as it was at one instant, while it runs on (qemu-facts.md, "Live checkpoint, background
 * snapshot"). QEMU protects memory against writes and lets the guest go on; a write to a page that was not sent yet waits until it was, so the
 * receiver has to be quick. Needs no dirty marks, and so loses no writes under software emulation either (docs/decisions/0013). On
 * success and on failure the guest runs on, if it may. Throws SNAPSHOT_REFUSED where QEMU cannot do this here; nothing was begun then.
 */
export async function snapshotState(options: SnapshotOptions): Promise<Captured> {
  const { machine, receiver, signal } = options;
  const { qmp } = machine;
  await enable(qmp);
  const path = join(machine.socketDirectory, 'migrate-out');
  await receiver.listen(path, options.privilege);
  const pause = new PauseWatch(qmp);
  /** What was sent, and must be answered before anything else is. */
  const begun: Promise<unknown>[] = [];
  try {
    const settled = qmp.waitFor('MIGRATION', ({ data }) => data['status'] === 'completed' || data['status'] === 'failed' || data['status'] === 'cancelled');
    settled.catch(() => undefined); // Awaited below, unless something else failed first.
    options.keepStanding(true);
    const stoppedAtMs = options.clock.workMs();
    // QEMU does them in this order; waiting for each answer would only make the pause longer.
    begun.push(stop(qmp), options.freeze(), migrate(qmp, path));
    const going = Promise.withResolvers<undefined>();
    going.promise.catch(() => undefined); // Awaited below, as the next.
    const reading = receiver.receive(() => {
      options.keepStanding(false);
      begun.push(goOn(qmp, pause, options.mayRun).then(going.resolve, going.reject));
    }, options.onProgress);
    reading.catch(() => undefined); // As well.
    await Promise.all(begun);
    const failed = settled.then(async ({ data }) => {
      if (data['status'] === 'completed') return new Promise<never>(() => undefined);
      throw new Fault('CAPTURE_FAILED', { found: (await queryMigrate(qmp)).errorText ?? String(data['status']) });
    });
    const [ramBytesScanned] = await unlessCalledOff(Promise.race([Promise.all([reading, going.promise]), failed]), signal);
    await settled;
    return { stoppedAtMs, pauseMs: pause.pauseMs, ramBytesScanned };
  } catch (error) {
    options.keepStanding(false);
    await Promise.allSettled(begun);
    await runOn(machine, options.mayRun);
    if (!options.mayRun() && qmp.state === 'ready') await stop(qmp);
    throw error;
  } finally {
    pause.end();
    receiver.close();
  }
}

/** QEMU looks whether the kernel lets it protect memory, with its own rights, when the capability is set. */
async function enable(qmp: QmpSession): Promise<void> {
  try {
    await setMigrationCapabilities(qmp, ['events', 'background-snapshot'], ['postcopy-ram', 'pause-before-switchover']);
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.code !== 'QMP_COMMAND_FAILED') throw fault;
    throw new Fault('SNAPSHOT_REFUSED', { found: fault.found ?? 'no reason', cause: error });
  }
  await setMigrationParameters(qmp, { maxBandwidthBytes: 0 });
}

/** The first page has come: memory is protected. QEMU 7.2 has let the guest go on by itself, newer ones leave it as they found it, stopped. */
async function goOn(qmp: QmpSession, pause: PauseWatch, mayRun: () => boolean): Promise<undefined> {
  if (!mayRun()) throw new Fault('CAPTURE_FAILED', { expected: 'a guest that may run', found: 'one that has to stand still' });
  if (!pause.over) await cont(qmp);
  await pause.ended;
  // Somebody may have stopped it while it stood still anyway, and QEMU has not asked.
  if (!mayRun() && (await queryStatus(qmp)).running) await stop(qmp);
  return undefined;
}

/** The first STOP and the first RESUME after it, by QEMU's own clock: this process may read them late. */
class PauseWatch {
  readonly ended: Promise<undefined>;
  readonly #forget: (() => void)[];
  #stopped: QmpEvent | undefined;
  #resumed: QmpEvent | undefined;

  constructor(qmp: QmpSession) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ended = promise;
    const onResume = (event: QmpEvent): void => {
      if (this.#stopped === undefined) return;
      this.#resumed ??= event;
      resolve(undefined);
    };
    this.#forget = [qmp.on('STOP', (event) => (this.#stopped ??= event)), qmp.on('RESUME', onResume)];
  }

  get over(): boolean {
    return this.#resumed !== undefined;
  }

  get pauseMs(): number {
    return this.#stopped === undefined || this.#resumed === undefined ? 0 : Math.max(0, this.#resumed.qemuTimeMs - this.#stopped.qemuTimeMs);
  }

  end(): void {
    for (const forget of this.#forget) forget();
  }
}
