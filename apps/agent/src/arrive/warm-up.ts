import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Log } from '@godwit/base';
import { limits, locatePage, pageCountOf, type CheckpointReader, type FrameLocation, type PageDigests } from '@godwit/snapshot';
import type { ArriveFigures } from '@godwit/wire';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { keepWorkingSet, readWorkingSet } from '../working-set/kept.ts';
import type { Recorder } from '../working-set/recorder.ts';
import { isProbed, mergeWorkingSet, type WorkingPage } from '../working-set/working-set.ts';
import type { DiskSource } from './disk-source.ts';
import { isOver } from './first-moments.ts';
import type { Line } from './line.ts';
import { frameName, type LiveFrames, type LivePages } from './live-frames.ts';
import type { RamPlayer } from './ram-player.ts';
import { planScattered } from './scattered.ts';

const { leafPages } = limits;
/** What may be fetched of RAM before the guest runs; loading its devices takes a few frames more. */
const earlyBytesMax = 512 * 1024;
/** A page table up to this is loaded whole before the guest runs; of a larger one only what the set needs, the rest while it runs. */
const earlyTableBytesMax = 256 * 1024;
const lookMs = 25;

/** The pages of the set that lie in one frame. */
interface WarmFrame {
  readonly location: FrameLocation;
  readonly pages: Set<number>;
}

export interface WarmUpOptions {
  readonly frames: LiveFrames;
  readonly disks: readonly DiskSource[];
  readonly line: Line;
  readonly recorder: Recorder;
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The first moments of a guest here: what it asked for first at earlier arrivals is sent in one burst, ahead of everything else, and what it
 * asks for beside that is recorded for the next one.
 */
export class WarmUp {
  readonly #options: WarmUpOptions;
  #set: readonly WorkingPage[] = [];
  /** In the order in which they are needed. */
  readonly #frames = new Map<string, WarmFrame>();
  readonly #zeros: WorkingPage[] = [];
  readonly #diskPages = new Map<DiskSource, number[]>();
  /** Settles when the first of them are here, which are fetched while QEMU starts. */
  #early: Promise<void> = Promise.resolve();
  /** Here, but there is nobody yet to send them to. */
  readonly #fetched: LivePages[] = [];
  #player: RamPlayer | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** Pages that the checkpoint names. */
  get workingSetPages(): number {
    return this.#set.length;
  }

  /**
   * While QEMU starts: reads the set, the page table as far as it is needed, and, unless all comes first anyway (`eager`), begins to fetch what comes
   * first. A set that names pages that are not there is taken for what it is, a hint.
   */
  async prepare(desktop: LocalDesktop, eager: boolean): Promise<void> {
    const { frames, log } = this.#options;
    const [found] = await Promise.all([readWorkingSet(frames.reader, log), tableBytes(frames.reader) <= earlyTableBytesMax ? frames.reader.loadLeaves() : undefined]);
    if (found === undefined) return;
    desktop.workingSet = found.kept;
    if (eager) return;
    const regions = new Map(frames.reader.regions.filter(({ kind }) => kind === 'ram' || kind === 'disk').map((region) => [region.id, region]));
    this.#set = found.pages.filter(({ regionId, page }) => {
      const region = regions.get(regionId);
      return region !== undefined && page < pageCountOf(region);
    });
    await this.#loadLeaves();
    await this.#sort();
    this.#early = this.#bring([...this.#frames.values()].slice(0, this.#earlyFrames()));
    this.#early.catch(() => undefined); // Thrown by the burst; an arrival that is rolled back before that has a reason of its own.
  }

  /** Once pages may be sent: those that are fetched while QEMU starts, as they come. */
  async sendEarly(player: RamPlayer): Promise<void> {
    for (let live = this.#fetched.shift(); live !== undefined; live = this.#fetched.shift()) await this.#send(player, live);
    this.#player = player;
    await this.#early;
  }

  /** From the moment the guest runs: the burst. Memory first, then the disks. It does not wait for the early ones: the line would be idle meanwhile. */
  async burst(player: RamPlayer): Promise<void> {
    const { frames, line } = this.#options;
    for (const { regionId, page } of this.#zeros) {
      const leaf = await frames.reader.leaf(regionId, Math.floor(page / leafPages));
      await player.prefetchZero(leaf, page);
    }
    await this.#bring([...this.#frames.values()].slice(this.#earlyFrames()));
    await this.#early;
    for (const [disk, pages] of this.#diskPages) await disk.prefetch(pages, () => line.fillPace(), () => player.quiet());
    // What is left of the page table: a fault is one request then, and not two.
    frames.reader.loadLeaves().catch(() => undefined); // Whoever needs a leaf that did not come is told.
  }

  /** Records until the first moments are over, and keeps what was found for the next checkpoint. `digests`: what that one is compared with. */
  async record(desktop: LocalDesktop, player: RamPlayer, figures: ArriveFigures, digests: PageDigests | undefined): Promise<void> {
    const { clock, epoch, frames, line, recorder } = this.#options;
    const sinceMs = clock.workMs();
    const outputAtMs = (): number | undefined => (figures.firstOutputMs === null ? undefined : figures.firstOutputMs - (figures.runningMs ?? 0) + (figures.resumedAtMs ?? 0));
    while (!isOver({ nowMs: clock.workMs(), sinceMs, outputAtMs: outputAtMs(), faultAtMs: player.lastFaultMs, roundTripMs: line.roundTripMs ?? 0 })) await Promise.race([sleep(lookMs), player.failed]);
    recorder.end();
    const set = mergeWorkingSet(this.#set, recorder.pages, epoch);
    await keepWorkingSet(desktop, set);
    if (digests === undefined) return;
    const scattered = await planScattered(frames.reader, set, line.bytesPerMs);
    for (const [regionId, pages] of scattered) digests.forget(regionId, pages);
  }

  async #loadLeaves(): Promise<void> {
    const leaves = new Map<number, Set<number>>();
    for (const { regionId, page } of this.#set) leaves.set(regionId, (leaves.get(regionId) ?? new Set<number>()).add(Math.floor(page / leafPages)));
    await Promise.all([...leaves].map(([regionId, indices]) => this.#options.frames.reader.loadLeaves(regionId, indices)));
  }

  async #sort(): Promise<void> {
    const { disks, epoch, frames } = this.#options;
    const diskOf = new Map(disks.map((disk) => [disk.region.id, disk]));
    for (const found of this.#set) {
      const { regionId, page } = found;
      const disk = diskOf.get(regionId);
      if (disk !== undefined) {
        this.#diskPages.set(disk, [...(this.#diskPages.get(disk) ?? []), page]);
        continue;
      }
      const place = locatePage(await frames.reader.leaf(regionId, Math.floor(page / leafPages)), page);
      if (place === undefined) {
        if (!isProbed(found, epoch)) this.#zeros.push(found);
        continue;
      }
      const name = frameName(place.frame);
      const warm = this.#frames.get(name) ?? { location: place.frame, pages: new Set<number>() };
      this.#frames.set(name, warm);
      // Its frame comes all the same: a fault for it is answered from here.
      if (!isProbed(found, epoch)) warm.pages.add(page);
    }
  }

  /** How many of the frames, from the first on, may come before the guest runs. */
  #earlyFrames(): number {
    let [count, bytes] = [0, 0];
    for (const { location } of this.#frames.values()) {
      bytes += location.sealedBytes;
      if (bytes > earlyBytesMax) break;
      count += 1;
    }
    return count;
  }

  async #bring(warm: Iterable<WarmFrame>): Promise<void> {
    const { frames, line } = this.#options;
    const locations = Array.from(warm, ({ location }) => location);
    for await (const live of frames.bring(locations, () => line.burstPace(), () => true)) {
      if (this.#player === undefined) this.#fetched.push(live);
      else await this.#send(this.#player, live);
    }
  }

  async #send(player: RamPlayer, live: LivePages): Promise<void> {
    const warm = this.#frames.get(frameName(live.location));
    if (warm !== undefined) await player.prefetch(live, warm.pages);
  }
}

/** Sealed bytes of all leaves. */
function tableBytes({ root }: CheckpointReader): number {
  return root.regions.reduce((sum, { leaves }) => leaves.reduce((bytes, leaf) => bytes + (leaf?.location.sealedBytes ?? 0), sum), 0);
}
