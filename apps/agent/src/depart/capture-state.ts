import { join } from 'node:path';
import { Fault, type Clock } from '@godwit/base';
import {
  migrate, migrateCancel, migrateContinue, queryMigrate, queryStatus, setMigrationCapabilities, setMigrationParameters,
  cont, setLink, stop, type QmpSession,
} from '@godwit/qemu';
import { unlessCalledOff } from '../desktop/called-off.ts';
import { endsRight } from '../lease/ends-right.ts';
import { networkDevice } from '../machine/command-line.ts';
import type { Machine } from '../machine/machine.ts';
import type { Privilege } from '../machine/privilege.ts';
import type { StateReceiver } from './receive-state.ts';
import type { MigrationWatch } from './watch-migration.ts';

/** What whoever captures may wish beside the state. */
export interface CaptureWish {
  /** Calls it off: the guest runs on here, if it may (CANCELLED). */
  readonly signal?: AbortSignal | undefined;
  /** Looks at the migration while it runs, and paces it. */
  readonly watch?: MigrationWatch | undefined;
}

export interface CaptureOptions extends CaptureWish {
  readonly machine: Machine;
  readonly privilege: Privilege;
  readonly accelerator: keyof typeof downtimeLimitsMs;
  readonly receiver: StateReceiver;
  /** Called while the guest stands still and before the state is complete: freezes the disks at the same instant. */
  readonly freeze: () => Promise<void>;
  /** Whether the guest may run now: it may have been superseded, or its machine told to sleep, in the middle of the capture. */
  readonly mayRun: () => boolean;
  readonly clock: Clock;
  readonly onProgress: (streamBytes: number) => void;
}

export interface Captured {
  /** The clock's `workMs` at QEMU's STOP event. */
  readonly stoppedAtMs: number;
  /** How long the guest stood still: from STOP to the last byte of the state, and what it was held for at the start. */
  readonly pauseMs: number;
  /** Page records times page size, every round counted. */
  readonly ramBytesScanned: number;
}

/**
 * The pause QEMU aims at when it decides that RAM has converged; with the disks and the device state the real one is longer.
 *
 * Under software emulation none, which means one pass while the guest runs and the rest while it stands still. Otherwise QEMU (7.2 to 10.0 at
 * least) looks for dirty pages again while some wait to be sent, and when all that it finds are among those, it clears their marks
 * but does not tell the emulated CPU (`cpu_physical_memory_sync_dirty_bitmap`: `if (num_dirty)` counts only new ones). What the
 * guest then writes to them is never sent: measured in every third capture of an idle guest, and fatal for it after the resume.
 */
const downtimeLimitsMs = { kvm: 60, tcg: 0 } as const;
const unlimited = 0;
/** While the guest is held QEMU must not get to the end of its memory, however little that is: the end and `cont` would meet. */
const heldBandwidthBytes = 2 ** 20;
const cancelPollMs = 20;
const cancelMs = 20_000;

/**
 * Receives the whole state of a guest as the destination of a pre-copy migration (qemu-facts.md, "Live checkpoint"); one that runs, runs on
 * meanwhile. On success it stands still, its disks are frozen, and QEMU waits (`postmigrate`). On failure the guest runs on here, if it may.
 */
export async function captureState(options: CaptureOptions): Promise<Captured> {
  const { machine, privilege, receiver } = options;
  const { qmp } = machine;
  const path = join(machine.socketDirectory, 'migrate-out');
  await receiver.listen(path, privilege);
  let forgetStop = (): void => undefined;
  /** What was begun and must have ended before the guest goes on, or is captured again. */
  const begun: Promise<unknown>[] = [];
  const failure = new AbortController();
  try {
    await leavePostMigrate(qmp);
    await setMigrationCapabilities(qmp, ['events', 'pause-before-switchover'], ['postcopy-ram', 'background-snapshot']);
    // One that stands still already cannot write unseen, and sends no STOP.
    const standing = !(await queryStatus(qmp)).running;
    const hold = options.accelerator === 'tcg' && !standing ? new GuestHold(qmp, options) : undefined;
    await setMigrationParameters(qmp, { maxBandwidthBytes: hold === undefined ? unlimited : heldBandwidthBytes, downtimeLimitMs: options.watch?.downtimeLimitMs ?? downtimeLimitsMs[options.accelerator] });
    await hold?.begin();
    // The last STOP counts, whoever caused it: somebody may have paused the guest in the middle, and then QEMU sends none at the end.
    let stoppedAtMs = options.clock.workMs();
    forgetStop = qmp.on('STOP', ({ receivedMs }) => (stoppedAtMs = receivedMs));
    const settled = watch(qmp, 'MIGRATION', (status) => status === 'failed' || status === 'cancelled' || status === 'completed');
    const ready = watch(qmp, 'MIGRATION', (status) => status === 'pre-switchover');
    await migrate(qmp, path);
    options.watch?.begin(qmp);
    const failed = settled.then(async (event) => {
      if (event.data['status'] === 'completed') return new Promise<never>(() => undefined);
      throw new Fault('CAPTURE_FAILED', { found: (await queryMigrate(qmp)).errorText ?? String(event.data['status']) });
    });
    const running = Promise.withResolvers<undefined>();
    running.promise.catch(() => undefined); // Awaited by the switch below; a capture that failed before has its own reason.
    const reading = receiver.receive(() => {
      const released = hold?.end() ?? Promise.resolve();
      begun.push(released);
      released.then(() => running.resolve(undefined), running.reject);
    }, options.onProgress);
    reading.catch(() => undefined); // Raced below; a capture that failed otherwise has its own reason.
    const switching = (async () => {
      await running.promise;
      await ready;
      // Failed in between: then this may be another capture's event.
      if (failure.signal.aborted) return;
      const freezing = options.freeze();
      begun.push(freezing);
      await freezing;
      await migrateContinue(qmp);
    })();
    const [ramBytesScanned] = await unlessCalledOff(Promise.race([Promise.all([reading, switching]), failed]), options.signal);
    await settled;
    return { stoppedAtMs, pauseMs: (hold?.heldMs ?? 0) + options.clock.workMs() - stoppedAtMs, ramBytesScanned };
  } catch (error) {
    failure.abort();
    await Promise.allSettled(begun);
    await runOn(machine, () => options.mayRun() && !endsRight(Fault.from(error)));
    throw error;
  } finally {
    options.watch?.end();
    forgetStop();
    receiver.close();
  }
}

/**
 * Holds the guest for the moment in which QEMU begins to track writes (software emulation only).
 *
 * QEMU flushes the emulated CPU's translations when tracking starts and clears the dirty marks a little later; clearing finds nothing
 * new (every page waits to be sent anyway), so it does not flush again (`if (num_dirty)`, as above). A page whose translation the guest
 * made in between could be written without a trace until that translation was dropped: seen in first captures on a busy machine, as pages
 * that were captured too old. With the guest held from before `migrate` until the first page arrives, which is after both, there is no in between.
 */
class GuestHold {
  readonly #qmp: QmpSession;
  readonly #mayRun: () => boolean;
  readonly #clock: Clock;
  #sinceMs = 0;
  heldMs = 0;

  constructor(qmp: QmpSession, { mayRun, clock }: Pick<CaptureOptions, 'mayRun' | 'clock'>) {
    this.#qmp = qmp;
    this.#mayRun = mayRun;
    this.#clock = clock;
  }

  /** QEMU sends its STOP before the answer, and none where the guest was paused by somebody else a moment ago. */
  async begin(): Promise<void> {
    this.#sinceMs = this.#clock.workMs();
    const forget = this.#qmp.on('STOP', ({ receivedMs }) => (this.#sinceMs = receivedMs));
    try {
      await stop(this.#qmp);
    } finally {
      forget();
    }
  }

  async end(): Promise<void> {
    if (!this.#mayRun()) throw new Fault('CAPTURE_FAILED', { expected: 'a guest that may run', found: 'one that has to stand still' });
    const resumed = watch(this.#qmp, 'RESUME', () => true);
    await cont(this.#qmp);
    this.heldMs = (await resumed).receivedMs - this.#sinceMs;
    await setMigrationParameters(this.#qmp, { maxBandwidthBytes: unlimited });
  }
}

/**
 * A guest that was captured once cannot be captured again without having run: QEMU refuses it ("paused due to previous migration"), and
 * `cont` is the only way out of that state. Where it may not run it does so for a millisecond or two, with its network unplugged, so that
 * nothing of that leaves the machine; what it does to memory and disks is in the capture. Seen with QEMU 7.2: it happens when a departure
 * learns only at its commit that it was superseded, and when an agent was killed between a capture and its commit.
 */
async function leavePostMigrate(qmp: QmpSession): Promise<void> {
  if ((await queryStatus(qmp)).status !== 'postmigrate') return;
  await setLink(qmp, networkDevice, false);
  // Both are sent before the first is answered.
  await Promise.all([cont(qmp), stop(qmp)]);
  await setLink(qmp, networkDevice, true);
}

/** After whatever went wrong: no migration under way, and the guest runs if it may. Does nothing when QEMU is gone. Throws QMP_TIMEOUT where a cancelled migration does not end. */
export async function runOn(machine: Machine, mayRun: () => boolean): Promise<void> {
  const { qmp } = machine;
  if (qmp.state !== 'ready') return;
  await migrateCancel(qmp);
  for (let waitedMs = 0; ['setup', 'active', 'cancelling', 'device', 'pre-switchover'].includes((await queryMigrate(qmp)).status); waitedMs += cancelPollMs) {
    if (waitedMs > cancelMs) throw new Fault('QMP_TIMEOUT', { subject: 'migrate_cancel' });
    await new Promise((resolve) => setTimeout(resolve, cancelPollMs));
  }
  if (!(await queryStatus(qmp)).running && mayRun()) await cont(qmp);
}

type MigrationEvent = Awaited<ReturnType<QmpSession['waitFor']>>;

/** A wait that may be left alone: its failure is seen only by whoever awaits it. */
function watch(qmp: QmpSession, name: string, accepts: (status: unknown) => boolean): Promise<MigrationEvent> {
  const event = qmp.waitFor(name, ({ data }) => accepts(data['status']));
  event.catch(() => undefined); // See above: not awaited is not unhandled.
  return event;
}
