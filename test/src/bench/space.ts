/**
 * `npm run bench:space [-- --checkpoints 50] [--memory 512] [--json FILE]`: what one desktop takes on its host and in the store after so many checkpoints,
 * the guest at work between them; then what giving memory back, starting anew and compacting do to that. Counts and bytes: it may run on a busy machine.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesText, table } from '@godwit/agent';
import type { DesktopId } from '@godwit/base';
import { Insider } from '../account/insider.ts';
import { withoutCredentials } from '../account/people.ts';
import { machineOf } from '../e2e/two-hosts.ts';
import { waitForTick } from '../house/guest.ts';
import { orderGuest } from '../house/guest-orders.ts';
import { House, type TestHost } from '../house/house.ts';
import { saveMemory, SeenMemory } from './guest-pages.ts';
import { pageOrigins, type PageOrigins } from './page-origins.ts';
import { headSpace, localSpace, storedBytes, type HeadSpace, type LocalSpace } from './space-figures.ts';

const image = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'guest', 'guest-small.raw');
const name = 'work';
/** Deletes at once what nothing needs. */
const impatient = ['--grace', '0', '--upkeep', '2'];
/** Written between two checkpoints: a file of random bytes that takes the place of the one before. */
const workMiB = 8;
const freedMiB = 200;
/** The guest's kernel tells what is free every two seconds. */
const reportMs = 8_000;
const readyMs = 240_000;

interface Step {
  readonly what: string;
  readonly bytesUploaded: number;
  readonly pagesChanged: number;
  readonly diskPagesWritten: number;
  /** What really changed in memory since the step before, and what `zstd -1` makes of it. */
  readonly dirty: { readonly pages: number; readonly compressedBytes: number };
  readonly origins: PageOrigins;
  readonly local: LocalSpace;
  readonly head: Omit<HeadSpace, 'packIds'>;
}

class SpaceBench {
  readonly steps: Step[] = [];
  readonly #house: House;
  readonly #host: TestHost;
  readonly #insider: Insider;
  readonly #desktopId: DesktopId;
  readonly #memoryBytes: number;
  readonly #directory = mkdtempSync('/tmp/godwit-p-');
  readonly #seen: SeenMemory;
  #packIds: HeadSpace['packIds'] = new Set();

  private constructor(house: House, host: TestHost, desktopId: DesktopId, memoryBytes: number) {
    [this.#house, this.#host, this.#desktopId, this.#memoryBytes] = [house, host, desktopId, memoryBytes];
    this.#insider = new Insider(host.home);
    this.#seen = new SeenMemory(memoryBytes);
  }

  static async open(memoryMiB: number): Promise<SpaceBench> {
    const house = new House();
    try {
      await house.startCoordinator('127.0.0.1:0', impatient);
      const host = await house.addHost('laptop-a', withoutCredentials(house));
      await host.must('init', '--coordinator', house.url, '--name', host.name);
      const { desktopId } = await host.must('create', name, '--image', image, '--memory', `${memoryMiB}M`, '--cpus', '1');
      await host.must('start', name);
      await waitForTick(host, name, ({ counter }) => counter >= 5, readyMs);
      return new SpaceBench(house, host, desktopId as DesktopId, memoryMiB * 2 ** 20);
    } catch (error) {
      await house.close();
      throw error;
    }
  }

  order(order: Parameters<typeof orderGuest>[2]): Promise<void> {
    return orderGuest(this.#host, { name, desktopId: this.#desktopId }, order);
  }

  /** Has the guest start anew, and waits until it is at work again. */
  async startAnew(): Promise<void> {
    const { uptimeSeconds: before } = await waitForTick(this.#host, name, () => true, readyMs);
    await this.order('reboot');
    await waitForTick(this.#host, name, ({ uptimeSeconds, looks }) => uptimeSeconds < before && looks > 2, readyMs);
  }

  async checkpoint(what: string): Promise<Step> {
    const { dirty, origins } = this.#lookAtMemory();
    const { bytesUploaded, pagesChanged, diskPagesWritten } = await this.#host.must('checkpoint', name);
    const { packIds, ...head } = await headSpace(this.#insider, name, this.#packIds);
    this.#packIds = packIds;
    const step = { what, bytesUploaded, pagesChanged, diskPagesWritten, dirty, origins, local: await localSpace(this.#host, this.#desktopId), head };
    this.steps.push(step);
    return step;
  }

  /** The image of the step before is replaced by one of now. */
  #lookAtMemory(): Pick<Step, 'dirty' | 'origins'> {
    const [before, now, pid] = [join(this.#directory, 'before'), join(this.#directory, 'now'), machineOf(this.#host)];
    if (this.steps.length === 0) writeFileSync(before, Buffer.alloc(this.#memoryBytes));
    const dirty = this.#seen.look(pid);
    saveMemory(pid, this.#memoryBytes, now);
    const origins = pageOrigins(now, before);
    renameSync(now, before);
    return { dirty, origins };
  }

  /** Suspends, drops all checkpoints but the newest, then compacts it. */
  async compact(): Promise<{ storedBytes: number; prunedBytes: number; compactedBytes: number; head: Omit<HeadSpace, 'packIds'>; packsCopied: number; bytesWritten: number }> {
    await this.#host.suspend(name);
    const stored = storedBytes(this.#house);
    await this.#host.must('prune', name, '--keep-last', '1', '--yes');
    const pruned = storedBytes(this.#house);
    const { compacted } = await this.#host.must('prune', name, '--compact', '--yes');
    const { packIds: _, ...head } = await headSpace(this.#insider, name, new Set());
    return { storedBytes: stored, prunedBytes: pruned, compactedBytes: storedBytes(this.#house), head, packsCopied: compacted?.packs ?? 0, bytesWritten: compacted?.bytesWritten ?? 0 };
  }

  /** What was compacted runs, and its guest finds its memory and its disk as they were. */
  async goesOn(): Promise<boolean> {
    await this.#host.must('resume', name, '--wait');
    const { looks } = await waitForTick(this.#host, name, () => true, readyMs);
    const { memoryOk, diskOk } = await waitForTick(this.#host, name, (tick) => tick.looks > looks + 20, readyMs);
    return memoryOk && diskOk;
  }

  async close(): Promise<void> {
    rmSync(this.#directory, { recursive: true, force: true });
    await this.#house.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { checkpoints: { type: 'string', default: '50' }, memory: { type: 'string', default: '512' }, json: { type: 'string' } } });
  const bench = await SpaceBench.open(Number(values.memory));
  try {
    for (let made = 1; made <= Number(values.checkpoints); made += 1) {
      if (made > 1) await bench.order(`fill ${workMiB}`);
      const { bytesUploaded, local, head } = await bench.checkpoint(made === 1 ? 'first' : 'work');
      process.stderr.write(`checkpoint ${made}: ${bytesText(bytesUploaded)}, ${local.layers} layers, ${Math.round((100 * head.liveBytes) / head.packBytes)} % live\n`);
    }
    await bench.startAnew();
    await bench.checkpoint('guest started anew');
    await bench.order(`fill ${freedMiB}`);
    await bench.checkpoint(`${freedMiB} MiB filled`);
    await bench.order('free');
    await bench.order(`fill ${freedMiB}`);
    await bench.order('free');
    await sleep(reportMs);
    await bench.checkpoint(`${freedMiB} MiB filled and freed`);
    const compaction = await bench.compact();
    const goesOn = await bench.goesOn();
    process.stdout.write(`${report(bench.steps)}\n\n${compactionReport(compaction)}\nThe guest finds its memory and its disk as they were: ${goesOn ? 'yes' : 'NO'}\n`);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ steps: bench.steps, compaction, goesOn }, undefined, 2)}\n`);
    if (!goesOn) process.exitCode = 1;
  } finally {
    await bench.close();
  }
}

function report(steps: readonly Step[]): string {
  const heading = ['CHECKPOINT', 'UPLOADED', 'ZSTD -1', 'PAGES', 'MOVED', 'DISK', 'LAYERS', 'LOCAL', 'PACKS', 'LIVE', 'LEAVES', 'TABLE', 'ROOT', 'MANIFEST', 'AGENT'];
  const shown = steps.filter(({ what }, index) => what !== 'work' || index === 1 || index % 10 === 9);
  const lines = shown.map((step) => [
    `${steps.indexOf(step) + 1} ${step.what}`, bytesText(step.bytesUploaded), bytesText(step.dirty.compressedBytes), `${step.dirty.pages}`, `${step.origins.moved}`, `${step.diskPagesWritten}`,
    `${step.local.layers}`, bytesText(step.local.diskBytes), bytesText(step.head.packBytes), `${Math.round((100 * step.head.liveBytes) / step.head.packBytes)} %`,
    `${step.head.leavesWritten} of ${step.head.leaves}`, bytesText(step.head.leafBytesWritten), bytesText(step.head.rootBytes), bytesText(step.head.manifestBytes), bytesText(step.local.agentResidentBytes),
  ]);
  return table([heading, ...lines], ['left', ...heading.slice(1).map(() => 'right' as const)]);
}

function compactionReport({ storedBytes: stored, prunedBytes, compactedBytes, head, packsCopied, bytesWritten }: Awaited<ReturnType<SpaceBench['compact']>>): string {
  return `Store ${bytesText(stored)}; all but the newest checkpoint pruned: ${bytesText(prunedBytes)}; compacted, ${packsCopied} packs into ${bytesText(bytesWritten)}: ${bytesText(compactedBytes)}, ${Math.round((100 * head.liveBytes) / head.packBytes)} % live.`;
}

await main();
