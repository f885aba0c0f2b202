import { Fault } from '@godwit/base';
import { blockdevAdd, blockdevDelete, type NbdServer, type QmpSession } from '@godwit/qemu';
import type { ArriveFigures, ArrivePhase } from '@godwit/wire';
import type { ReadFrom } from '../cache/cached-store.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { PhaseReport } from '../desktop/phase-report.ts';
import { layerNode, nodeName, type Layer } from '../machine/command-line.ts';
import type { Machine } from '../machine/machine.ts';
import { handOver } from '../machine/privilege.ts';
import type { DiskSource } from './disk-source.ts';
import type { Line } from './line.ts';
import type { LiveFrames } from './live-frames.ts';
import type { PatientStore } from './patient-store.ts';
import type { RamPlayer } from './ram-player.ts';
import type { WarmUp } from './warm-up.ts';

export interface FillingOptions {
  readonly host: Host;
  readonly desktop: LocalDesktop;
  readonly machine: Machine;
  readonly player: RamPlayer;
  readonly frames: LiveFrames;
  readonly line: Line;
  readonly warmUp: WarmUp;
  readonly store: PatientStore;
  readonly readFrom: ReadFrom;
  readonly disks: readonly DiskSource[];
  readonly nbd: NbdServer;
  /** The chains with the exports in them, as the machine was started. */
  readonly exported: readonly (readonly Layer[])[];
  readonly figures: ArriveFigures;
  readonly eager: boolean;
  readonly elapsedMs: () => number;
  readonly report: PhaseReport<ArrivePhase>;
}

/** The rest of an arrival, while the guest runs: memory, then disks, then the machine stands on files of this host alone. */
export class Filling {
  readonly #options: FillingOptions;

  constructor(options: FillingOptions) {
    this.#options = options;
  }

  /**
   * Resolves when nothing is missing. Until then the machine depends on this agent: if it ends before, the record still says
   * `arriving`, and the desktop goes on from its checkpoint (DESKTOP_LOST). While the store is out of reach the guest waits for the
   * pages that it lacks, and so does this.
   */
  async run(): Promise<void> {
    const { store, disks, nbd } = this.#options;
    store.begin((fault) => this.#tellWait(fault));
    try {
      await this.#fill();
    } finally {
      store.end();
      await nbd.close();
      await Promise.all(disks.map((disk) => disk.close()));
    }
  }

  async #fill(): Promise<void> {
    const { desktop, machine, player, figures, readFrom, eager, report, elapsedMs } = this.#options;
    const lost = machine.ended.then(() => {
      throw new Fault('DESKTOP_LOST', { subject: desktop.name });
    });
    lost.catch(() => undefined); // Raced below; after the last race the end of the machine is no failure of the filling.
    report.enter('fill');
    if (!eager) await Promise.race([this.#fillMemory(), lost]);
    await Promise.race([this.#fillDisks(), lost]);
    report.enter('settle');
    await Promise.race([this.#settle(), lost]);
    figures.completeMs = elapsedMs();
    figures.bytesFetched = readFrom.storeBytes;
    figures.bytesFromCache = readFrom.cacheBytes;
    figures.pagesOnDemand = player.pagesOnDemand;
    figures.pagesPrefetched = player.pagesPrefetched;
    figures.agentResidentBytes = process.memoryUsage.rss();
  }

  /** What the guest is about to ask for, then what it asks for, then the rest. */
  async #fillMemory(): Promise<void> {
    const { desktop, figures, player, report, warmUp } = this.#options;
    await warmUp.burst(player);
    await warmUp.record(desktop, player, figures, desktop.base?.digests);
    await player.letGo();
    await player.fill(() => report.advance(player.doneBytes, desktop.record.contract.memoryBytes));
  }

  #tellWait(fault: Fault | undefined): void {
    const { host, desktop, report } = this.#options;
    const note = fault === undefined ? undefined : `waits for the store: ${fault.message}`;
    host.log.warn(fault === undefined ? 'store-back' : 'store-out-of-reach', { desktop: desktop.record.desktopId, error: fault });
    desktop.note = note;
    report.tell(note ?? 'the store is back');
  }

  async #fillDisks(): Promise<void> {
    const { disks, line, player } = this.#options;
    for (const disk of disks) await disk.fill(() => line.fillPace(), () => player.quiet());
  }

  /** Each disk's file takes the place of the export below the overlay, the guest running on; then the export is closed. */
  async #settle(): Promise<void> {
    const { host, desktop, machine, disks, nbd, exported } = this.#options;
    const layers = desktop.layers();
    for (const [index, disk] of disks.entries()) {
      handOver(host.privilege, disk.path, 0o600);
      await this.#replaceBase(machine.qmp, exported[index]![0]!, layers[index]!);
    }
    await nbd.close();
    await desktop.update({ stage: 'settled' });
    await desktop.saveDigests();
  }

  async #replaceBase(qmp: QmpSession, standIn: Layer, layers: readonly Layer[]): Promise<void> {
    await blockdevAdd(qmp, layerNode(layers[0]!, undefined, false));
    await qmp.execute('blockdev-reopen', { options: [layerNode(layers[1]!, layers[0], true)] });
    await blockdevDelete(qmp, nodeName(standIn));
  }
}
