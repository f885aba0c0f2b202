import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Fault, type Clock } from '@godwit/base';
import {
  migrate, migrateCancel, migrateContinue, MigrationDecoder, queryMigrate, queryStatus, setMigrationCapabilities, setMigrationParameters,
  cont, stop, type MigrationConfiguration, type PageBatch, type QmpSession, type RamBlock, type ZeroBatch,
} from '@godwit/qemu';
import type { Machine } from '../machine/machine.ts';
import { handOver, type Privilege } from '../machine/privilege.ts';

/** Where the captured state goes. Methods wait while the receiver is busy: that slows QEMU down, and nothing else. */
export interface StateSink {
  onBlocks(blocks: readonly RamBlock[], configuration: MigrationConfiguration): void;
  onPages(batch: PageBatch): Promise<void>;
  onZeroPages(batch: ZeroBatch): Promise<void>;
  onDevice(blob: Buffer): Promise<void>;
}

export interface CaptureOptions {
  readonly machine: Machine;
  readonly privilege: Privilege;
  readonly accelerator: keyof typeof downtimeLimitsMs;
  readonly sink: StateSink;
  /** Called while the guest stands still and before the state is complete: freezes the disks at the same instant. */
  readonly freeze: () => Promise<void>;
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
const connectMs = 10_000;
const cancelPollMs = 20;

/**
 * Receives the whole state of a running guest as the destination of a pre-copy migration (qemu-facts.md, "Live checkpoint").
 * On success the guest stands still, its disks are frozen, and QEMU waits (`postmigrate`). On failure the guest runs on here.
 */
export async function captureState(options: CaptureOptions): Promise<Captured> {
  const { machine, privilege } = options;
  const { qmp } = machine;
  const path = join(machine.socketDirectory, 'migrate-out');
  const { server, accepted } = await listen(path, privilege);
  try {
    await setMigrationCapabilities(qmp, ['events', 'pause-before-switchover'], ['postcopy-ram']);
    const hold = options.accelerator === 'tcg' ? new GuestHold(qmp) : undefined;
    await setMigrationParameters(qmp, { maxBandwidthBytes: hold === undefined ? unlimited : heldBandwidthBytes, downtimeLimitMs: downtimeLimitsMs[options.accelerator] });
    await hold?.begin();
    const settled = watch(qmp, 'MIGRATION', (status) => status === 'failed' || status === 'cancelled' || status === 'completed');
    const ready = watch(qmp, 'MIGRATION', (status) => status === 'pre-switchover');
    await migrate(qmp, path);
    const failed = settled.then(async (event) => {
      if (event.data['status'] === 'completed') return new Promise<never>(() => undefined);
      throw new Fault('CAPTURE_FAILED', { found: (await queryMigrate(qmp)).errorText ?? String(event.data['status']) });
    });
    const running = Promise.withResolvers<undefined>();
    running.promise.catch(() => undefined); // Awaited by the switch below; a capture that failed before has its own reason.
    const reading = readStream(await Promise.race([accepted, failed]), options, () => {
      (hold?.end() ?? Promise.resolve()).then(() => running.resolve(undefined), running.reject);
    });
    const stopped = running.promise.then(() => watch(qmp, 'STOP', () => true));
    stopped.catch(() => undefined); // As above.
    const switching = (async () => {
      await running.promise;
      await ready;
      await options.freeze();
      await migrateContinue(qmp);
    })();
    const [ramBytesScanned] = await Promise.race([Promise.all([reading, switching]), failed]);
    await settled;
    const stoppedAtMs = (await stopped).receivedMs;
    return { stoppedAtMs, pauseMs: (hold?.heldMs ?? 0) + options.clock.workMs() - stoppedAtMs, ramBytesScanned };
  } catch (error) {
    await runOn(machine);
    throw error;
  } finally {
    server.close();
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
  #sinceMs = 0;
  heldMs = 0;

  constructor(qmp: QmpSession) {
    this.#qmp = qmp;
  }

  async begin(): Promise<void> {
    const stopped = watch(this.#qmp, 'STOP', () => true);
    await stop(this.#qmp);
    this.#sinceMs = (await stopped).receivedMs;
  }

  async end(): Promise<void> {
    const resumed = watch(this.#qmp, 'RESUME', () => true);
    await cont(this.#qmp);
    this.heldMs = (await resumed).receivedMs - this.#sinceMs;
    await setMigrationParameters(this.#qmp, { maxBandwidthBytes: unlimited });
  }
}

/** After whatever went wrong: no migration under way, and the guest runs. Does nothing when QEMU is gone. */
export async function runOn(machine: Machine): Promise<void> {
  const { qmp } = machine;
  if (qmp.state !== 'ready') return;
  await migrateCancel(qmp);
  while (['setup', 'active', 'cancelling', 'device', 'pre-switchover'].includes((await queryMigrate(qmp)).status)) {
    await new Promise((resolve) => setTimeout(resolve, cancelPollMs));
  }
  if (!(await queryStatus(qmp)).running) await cont(qmp);
}

type MigrationEvent = Awaited<ReturnType<QmpSession['waitFor']>>;

/** A wait that may be left alone: its failure is seen only by whoever awaits it. */
function watch(qmp: QmpSession, name: string, accepts: (status: unknown) => boolean): Promise<MigrationEvent> {
  const event = qmp.waitFor(name, ({ data }) => accepts(data['status']));
  event.catch(() => undefined); // See above: not awaited is not unhandled.
  return event;
}

async function listen(path: string, privilege: Privilege): Promise<{ server: Server; accepted: Promise<Socket> }> {
  // Left by an agent that was killed in the middle of a capture.
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true });
  server.maxConnections = 1;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  handOver(privilege, path, 0o600);
  const accepted = new Promise<Socket>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Fault('CAPTURE_FAILED', { expected: 'a connection from QEMU', found: 'none' })), connectMs);
    server.once('connection', (socket) => {
      clearTimeout(timer);
      resolve(socket);
    });
    server.once('close', () => clearTimeout(timer));
  });
  accepted.catch(() => undefined); // A capture that failed before it got here has its own reason.
  return { server, accepted };
}

/** Decodes the stream to its end, handing batches on in order; reads on only when they were taken. `onFirstPage` is called once, with the first of them. */
async function readStream(socket: Socket, { sink, onProgress }: CaptureOptions, onFirstPage: () => void): Promise<number> {
  const taken: (() => Promise<void>)[] = [];
  let configuration: MigrationConfiguration | undefined;
  const decoder = new MigrationDecoder({
    onConfiguration: (found) => (configuration = found),
    onBlocks: (blocks) => sink.onBlocks(blocks, configuration!),
    onPages: (batch) => taken.push(() => sink.onPages(batch)),
    onZeroPages: (batch) => taken.push(() => sink.onZeroPages(batch)),
    onDevice: (blob) => taken.push(() => sink.onDevice(blob)),
    onEnd: () => undefined,
  });
  const drain = async (): Promise<void> => {
    for (const hand of taken) await hand();
    taken.length = 0;
  };
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const before = decoder.pageRecords;
    decoder.push(chunk);
    if (before === 0 && decoder.pageRecords > 0) onFirstPage();
    await drain();
    onProgress(decoder.streamBytes);
  }
  decoder.end();
  await drain();
  return decoder.pageRecords * 4096;
}
