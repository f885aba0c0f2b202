import { Fault } from '@godwit/base';
import { blockdevAdd, cont, queryStatus, snapshotDisks } from '@godwit/qemu';
import type { DepartPhase } from '@godwit/wire';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { PhaseReport } from '../desktop/phase-report.ts';
import { layerNode, nodeName } from '../machine/command-line.ts';
import type { Machine } from '../machine/machine.ts';
import { snapshotState } from './background-snapshot.ts';
import { captureState, type Captured, type CaptureWish } from './capture-state.ts';
import type { StateReceiver } from './receive-state.ts';

/** How a guest is captured that goes on running: background-snapshot.ts, or capture-state.ts and on. */
export type CaptureWay = 'background-snapshot' | 'pre-copy';

/** A guest that still cannot write stops again within this. */
const settleMs = 200;

/**
 * One desktop's state at one instant: RAM and device state go to a receiver, its disks are frozen as layers of files, and a new layer
 * of each is begun. Whoever captures decides what becomes of it: a checkpoint in the store (depart.ts) or on this machine
 * (offline/save-here.ts).
 */
export class Capture {
  readonly machine: Machine;
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #phase: PhaseReport<DepartPhase>;

  /** Throws DESKTOP_NOT_RUNNING. */
  constructor(host: Host, desktop: LocalDesktop, phase: PhaseReport<DepartPhase>) {
    if (desktop.machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: desktop.name });
    this.#host = host;
    this.#desktop = desktop;
    this.machine = desktop.machine;
    this.#phase = phase;
  }

  /**
   * A guest that QEMU holds because a write to its disk failed would be held after the resume too: it has to get over that here
   * (DISK_FULL, CAPTURE_FAILED). One that may not run is captured as it stands.
   */
  async check(): Promise<void> {
    const { qmp } = this.machine;
    if (!this.#desktop.mayRun) return this.#desktop.hold();
    if ((await queryStatus(qmp)).running) return;
    await this.#desktop.goOn();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const { running, status } = await queryStatus(qmp);
    if (running) return;
    if (status === 'io-error') throw new Fault('DISK_FULL', { subject: this.#host.home.directory, found: 'a guest that waits for room to write' });
    throw new Fault('CAPTURE_FAILED', { expected: 'a guest that runs', found: status });
  }

  /**
   * The next layer of each disk, open in QEMU and in the record, but not yet in use: a layer that the guest writes to and nobody knows of would
   * be lost with its writes, and nobody waits for the record while the guest stands still.
   */
  async prepare(): Promise<void> {
    await this.#desktop.reconcileLayers(this.machine);
    const layers = this.#desktop.layers();
    const overlays = await this.#desktop.createOverlays(this.#host.privilege);
    for (const [disk, file] of overlays.entries()) {
      // `blockdev-snapshot` wants an overlay that has no backing node yet.
      await blockdevAdd(this.machine.qmp, { ...layerNode({ kind: 'file', file: this.#desktop.path(file), format: 'qcow2' }, layers[disk]!.at(-1), true), backing: null });
    }
    await this.#desktop.update({ disks: this.#desktop.record.disks.map((disk, index) => ({ ...disk, layers: [...disk.layers, { file: overlays[index]!, format: 'qcow2' as const }] })) });
  }

  /** On success the guest stands still, and each disk's last layer in the record is the new, empty one. On failure the guest runs on. */
  async take(receiver: StateReceiver, options: CaptureWish = {}): Promise<Captured> {
    const { clock, privilege } = this.#host;
    const { accelerator, memoryBytes } = this.#desktop.record.contract;
    const captured = await captureState({ machine: this.machine, privilege, accelerator, receiver, freeze: () => this.#freeze(), mayRun: () => this.#desktop.mayRun, clock, onProgress: (streamBytes) => this.#phase.advance(streamBytes, memoryBytes), ...options });
    this.#desktop.captured = true;
    return captured;
  }

  /**
   * Of a guest that goes on running. On success each disk's last layer in the record is the new one, and the guest's writes since are in it; on
   * failure it runs on as well. `pauseMs` of what comes back: until it ran again. Throws SNAPSHOT_REFUSED (background-snapshot.ts).
   */
  async takeBehind(receiver: StateReceiver, way: CaptureWay, options: CaptureWish = {}): Promise<Captured> {
    if (way === 'pre-copy') return this.#takeAndGoOn(receiver, options);
    const { clock, privilege } = this.#host;
    const desktop = this.#desktop;
    const keepStanding = (standing: boolean): void => void (desktop.captured = standing);
    return snapshotState({ machine: this.machine, privilege, receiver, freeze: () => this.#freeze(), keepStanding, mayRun: () => desktop.mayRun, clock, onProgress: (streamBytes) => this.#phase.advance(streamBytes, desktop.record.contract.memoryBytes), signal: options.signal });
  }

  async #takeAndGoOn(receiver: StateReceiver, options: CaptureWish): Promise<Captured> {
    const { clock } = this.#host;
    const captured = await this.take(receiver, options);
    const wholeMs = clock.workMs();
    this.#desktop.captured = false;
    if (this.#desktop.mayRun) await cont(this.machine.qmp);
    return { ...captured, pauseMs: captured.pauseMs + clock.workMs() - wholeMs };
  }

  /** The guest runs on here, unless it may not. Layers that froze stay in its chain; what they hold goes with the next capture. */
  async runOn(): Promise<void> {
    this.#desktop.captured = false;
    if (this.machine.qmp.state === 'ready') await this.#desktop.goOn();
    await this.reconcile();
  }

  /** Layers that nobody uses go. */
  async reconcile(): Promise<void> {
    try {
      await this.#desktop.reconcileLayers(this.machine.qmp.state === 'ready' ? this.machine : undefined);
    } catch (error) {
      // Layers that nobody uses take room; the next capture looks at them again before it makes its own.
      this.#host.log.warn('layers-not-reconciled', { desktop: this.#desktop.record.desktopId, error });
    }
  }

  /** All disks at one instant. QEMU has the command when this returns. */
  #freeze(): Promise<void> {
    this.#phase.enter('freeze');
    return snapshotDisks(
      this.machine.qmp,
      this.#desktop.layers().map((layers) => ({ node: nodeName(layers.at(-2)!), overlay: nodeName(layers.at(-1)!) })),
    );
  }
}
