import { connect, type Socket } from 'node:net';
import { Fault } from '@godwit/base';
import { cont, migrateIncoming, queryMigrate, queryStatus, setMigrationCapabilities } from '@godwit/qemu';
import type { PageDigests } from '@godwit/snapshot';
import type { ArriveFigures, ArrivePhase } from '@godwit/wire';
import { machineHost, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { PhaseReport } from '../desktop/phase-report.ts';
import type { Layer } from '../machine/command-line.ts';
import { Machine } from '../machine/machine.ts';
import { lastLine } from '../machine/qemu-process.ts';
import { decodeDeviceState, streamHeadOf } from '../machine/state-region.ts';
import type { Recorder } from '../working-set/recorder.ts';
import type { Line } from './line.ts';
import type { LiveFrames } from './live-frames.ts';
import { RamPlayer, ramBytesOf } from './ram-player.ts';

const resumeMs = 120_000;
const loadedPollMs = 20;

/** Whether all of the memory is loaded before the guest runs, and why if nobody wished it. */
export interface Eagerness {
  readonly eager: boolean;
  readonly reason: string | null;
}

export function eagernessOf({ capabilities: { postcopyRefusal } }: Host, wished: boolean): Eagerness {
  if (postcopyRefusal === undefined) return { eager: wished, reason: null };
  return { eager: true, reason: `QEMU cannot fetch memory on demand here (${postcopyRefusal}); \`godwit doctor\` says how to mend it` };
}

export interface LoadingOptions {
  readonly host: Host;
  readonly desktop: LocalDesktop;
  readonly frames: LiveFrames;
  /** Filled with every page that passes, where the next departure compares with them. */
  readonly digests: PageDigests | undefined;
  readonly eagerness: Eagerness;
  readonly line: Line;
  /** Of what the guest asks for first; undefined where nobody wants to know. */
  readonly recorder: Recorder | undefined;
  readonly phase: PhaseReport<ArrivePhase>;
}

/** A machine that gets its state from a checkpoint, wherever that lies: from QEMU's start to the moment the guest runs. */
export class Loading {
  readonly #options: LoadingOptions;
  #machine: Machine | undefined;
  #socket: Socket | undefined;

  constructor(options: LoadingOptions) {
    this.#options = options;
  }

  /** QEMU with these disks, waiting for its state. */
  async launch(disks: readonly (readonly Layer[])[]): Promise<Machine> {
    const { host, desktop, eagerness } = this.#options;
    const machine = await Machine.launch(machineHost(host), { home: desktop.home, contract: desktop.record.contract, disks, incoming: true });
    this.#machine = machine;
    const listen = async (): Promise<void> => {
      await setMigrationCapabilities(machine.qmp, eagerness.eager ? ['events'] : ['events', 'postcopy-ram']);
      await migrateIncoming(machine.qmp, desktop.path('migrate-in'));
    };
    await Promise.all([desktop.update({ machine: machine.process.id }), listen()]);
    return machine;
  }

  /**
   * Plays the state: resolves when the guest runs. Throws LEASE_UNCONFIRMED, DESKTOP_SUPERSEDED, GUARD_LOST before it does. `deviceBytes`: the device region. The player is there for
   * the rest of the memory; `onListening` gets it as soon as pages may be sent, before the guest runs.
   */
  async run(machine: Machine, deviceBytes: Buffer, onListening: (player: RamPlayer) => Promise<void> = () => Promise.resolve()): Promise<{ player: RamPlayer; figures: ArriveFigures }> {
    const { host, desktop, frames, eagerness, phase } = this.#options;
    const player = await this.#connect(machine, deviceBytes);
    await host.leases.guardMachine(desktop);
    const resumed = machine.qmp.waitFor('RESUME', () => true, { timeoutMs: resumeMs });
    resumed.catch(() => undefined); // Whoever is told of the failure below is told by the race.
    const started = eagerness.eager ? startLoaded(machine) : undefined;
    started?.catch(() => undefined); // As above: a machine that did not load has its own reason.
    const figures = figuresOf(eagerness);
    machine.serial.onNextOutput((atMs) => (figures.firstOutputMs = atMs - phase.startedMs));
    const progress = (): void => phase.advance(player.doneBytes, ramBytesOf(frames.reader.regions.filter(({ kind }) => kind === 'ram')));
    const playing = eagerness.eager ? player.playAll(progress) : player.switchOver();
    await Promise.race([playing, player.failed]);
    // The guest does not wait for them: what it needs to start it asks for.
    const sent = eagerness.eager ? Promise.resolve() : onListening(player);
    phase.enter('run');
    const event = await Promise.race([resumed, this.#failure(machine, player), sent.then(() => resumed)]);
    figures.runningMs = event.receivedMs - phase.startedMs;
    figures.resumedAtMs = event.receivedMs;
    figures.ramBytesBeforeRunning = frames.fetched.ramBytes;
    figures.bytesBeforeRunning = frames.fetched.ramBytes + frames.fetched.diskBytes;
    desktop.arrival = figures;
    desktop.attach(machine);
    // Whoever said meanwhile that it must not run found no machine to stop.
    if (!desktop.mayRun) await desktop.hold();
    return { player, figures };
  }

  /** Nothing of it runs any more. */
  async end(): Promise<void> {
    this.#socket?.destroy();
    await this.#machine?.end();
  }

  async #connect(machine: Machine, deviceBytes: Buffer): Promise<RamPlayer> {
    const { host, desktop, frames, digests, line, recorder } = this.#options;
    const socket = connect(desktop.path('migrate-in'));
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const device = decodeDeviceState(deviceBytes);
    const { head, ram } = streamHeadOf(frames.reader.regions, device.configuration);
    void machine.ended.then(() => socket.destroy());
    return new RamPlayer({ socket, frames, head, ram, device, digests, clock: host.clock, line, recorder });
  }

  /** Rejects with the reason when QEMU does not take the state, or does not get it; never resolves. */
  async #failure(machine: Machine, player: RamPlayer): Promise<never> {
    const failed = machine.qmp.waitFor('MIGRATION', ({ data }) => data['status'] === 'failed');
    try {
      await Promise.race([failed, machine.ended, player.failed]);
    } catch (error) {
      const fault = Fault.from(error);
      // A connection that broke says less than QEMU does; a page that was not to be had is the reason itself.
      if (fault.code !== 'LOAD_FAILED' && fault.code !== 'QMP_DISCONNECTED') throw fault;
    }
    if (this.#options.eagerness.eager && (await isLoaded(machine))) return new Promise<never>(() => undefined);
    if (machine.qmp.state !== 'ready') throw new Fault('LOAD_FAILED', { found: `QEMU ended: ${lastLine(this.#options.desktop.home.qemuLog)}` });
    throw new Fault('LOAD_FAILED', { found: (await queryMigrate(machine.qmp)).errorText ?? 'a failed migration' });
  }
}

/** What was captured standing still is loaded as that; QEMU starts it by itself only where its memory comes after it. */
async function startLoaded({ qmp }: Machine): Promise<void> {
  await qmp.waitFor('MIGRATION', ({ data }) => data['status'] === 'completed', { timeoutMs: resumeMs });
  if (!(await queryStatus(qmp)).running) await cont(qmp);
}

/** Whether QEMU closed the connection because it has everything: it starts then, or is started. */
async function isLoaded({ qmp }: Machine): Promise<boolean> {
  while (qmp.state === 'ready') {
    // One that ends instead of answering has said why in its log.
    const status = await queryMigrate(qmp).then((state) => state.status, () => 'none');
    if (status !== 'active') return status === 'completed';
    await new Promise((resolve) => setTimeout(resolve, loadedPollMs));
  }
  return false;
}

function figuresOf({ eager, reason }: Eagerness): ArriveFigures {
  return {
    runningMs: null, bytesBeforeRunning: 0, ramBytesBeforeRunning: 0, firstOutputMs: null, completeMs: null, bytesFetched: 0, bytesFromCache: 0, pagesOnDemand: 0, workingSetPages: 0, pagesPrefetched: 0,
    eager, eagerReason: reason, resumedAtMs: null, agentResidentBytes: process.memoryUsage.rss(),
  };
}
