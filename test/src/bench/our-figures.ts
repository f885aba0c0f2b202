import { setTimeout as sleep } from 'node:timers/promises';
import type { ArriveFigures, DepartFigures } from '@godwit/wire';
import { machineOf } from '../e2e/two-hosts.ts';
import { waitForTick, waitForWhole } from '../house/guest.ts';
import type { TestHost } from '../house/house.ts';
import type { BenchHouse } from './bench-house.ts';
import { SeenMemory, type Changed } from './guest-pages.ts';
import { rounds } from './rounds.ts';

/** Godwit's own side of the rows: real coordinator, real agents, real guests. What was not asked for is empty. */
export interface OurFigures {
  /** A desktop's first checkpoint, taken while it runs, then one more after each time that it only did its own work. */
  readonly first: CheckpointFigures[];
  readonly later: CheckpointFigures[];
  /** What really changed between the later checkpoints. */
  readonly changed: Changed[];
  /** Suspends: the first thing that is captured of a desktop, one right after a checkpoint, one after a move and some work. */
  readonly firstSuspend: DepartFigures[];
  readonly protectedSuspend: DepartFigures[];
  readonly movedSuspend: DepartFigures[];
  /** Arrivals: of a desktop that never moved, of one that has where the host is new to it, and on the host that it came from. */
  readonly firstArrival: ArriveFigures[];
  readonly knownDesktop: ArriveFigures[];
  readonly knownHost: ArriveFigures[];
  /** Why there is no more of them: the first checkpoint that failed. */
  checkpointFailed: string | undefined;
}

export type CheckpointFigures = Pick<DepartFigures, 'pauseMs' | 'durableMs' | 'bytesUploaded' | 'pagesChanged'>;

export interface OurParts {
  readonly checkpoints: boolean;
  readonly suspends: boolean;
  readonly moves: boolean;
}

export interface OurWish {
  readonly image: string;
  readonly memoryMiB: number;
  readonly parts: OurParts;
  readonly runs: number;
  readonly endMs: number;
  readonly workMs: number;
  readonly tell: (text: string) => void;
}

const readyMs = 600_000;
const wholeMs = 600_000;
const laterCheckpoints = 2;
/** Between the checkpoint that protects a desktop and its suspend. */
const protectedMs = 2_000;

export function noOurFigures(): OurFigures {
  return { first: [], later: [], changed: [], firstSuspend: [], protectedSuspend: [], movedSuspend: [], firstArrival: [], knownDesktop: [], knownHost: [], checkpointFailed: undefined };
}

/** A new desktop `runs` times: its checkpoints, its suspend, and its way over all three hosts. */
export async function measureOurs(house: BenchHouse, wish: OurWish): Promise<OurFigures> {
  const figures = noOurFigures();
  const { image, memoryMiB, parts, runs, endMs, workMs, tell } = wish;
  const [a, b, c] = house.hosts as readonly [TestHost, TestHost, TestHost];
  for (const run of rounds(runs, endMs)) {
    const name = `work-${run}`;
    const say = (text: string): void => tell(`Godwit, ${run} of ${runs}: ${text}`);
    await a.must('create', name, '--image', image, '--memory', `${memoryMiB}M`, '--cpus', '1');
    await a.must('start', name);
    await waitForTick(a, name, ({ counter }) => counter >= 5, readyMs);
    await sleep(workMs);
    const isProtected = parts.checkpoints && (await checkpoints(a, name, wish, figures, say));
    if (parts.suspends || parts.moves) {
      if (isProtected) await sleep(protectedMs);
      const { depart } = await a.suspend(name);
      figures[isProtected ? 'protectedSuspend' : 'firstSuspend'].push(depart);
      say(`suspended in ${Math.round(depart.durableMs)} ms, pause ${Math.round(depart.pauseMs)} ms`);
    }
    if (parts.moves) {
      figures.firstArrival.push(await arrive(b, name, say));
      figures.movedSuspend.push(await workAndSuspend(b, name, workMs));
      figures.knownDesktop.push(await arrive(c, name, say));
      figures.movedSuspend.push(await workAndSuspend(c, name, workMs));
      figures.knownHost.push(await arrive(a, name, say));
    }
    if (parts.moves || !parts.suspends) await a.must('stop', name, '--force');
  }
  return figures;
}

/** False where one failed; what else there is to measure is measured all the same, for it may have taken an hour until here. */
async function checkpoints(host: TestHost, name: string, wish: OurWish, figures: OurFigures, say: (text: string) => void): Promise<boolean> {
  if (figures.checkpointFailed !== undefined) return false;
  try {
    await takeCheckpoints(host, name, wish, figures, say);
    return true;
  } catch (error) {
    figures.checkpointFailed = error instanceof Error ? error.message : String(error);
    say(`no more checkpoints: ${figures.checkpointFailed}`);
    return false;
  }
}

async function takeCheckpoints(host: TestHost, name: string, { memoryMiB, workMs }: OurWish, figures: OurFigures, say: (text: string) => void): Promise<void> {
  const pid = machineOf(host);
  const memory = new SeenMemory(memoryMiB * 2 ** 20);
  memory.remember(pid);
  figures.first.push(await host.must('checkpoint', name));
  say(`first checkpoint in ${Math.round(figures.first.at(-1)!.durableMs)} ms, pause ${Math.round(figures.first.at(-1)!.pauseMs)} ms`);
  for (let number = 1; number <= laterCheckpoints; number += 1) {
    await sleep(workMs);
    // Just before the one and just before the next: as long a time as between the two checkpoints.
    const changed = memory.look(pid);
    const later = await host.must('checkpoint', name);
    say(`a later one in ${Math.round(later.durableMs)} ms, ${Math.round(later.bytesUploaded / 1000)} kB for ${changed.pages} pages`);
    figures.later.push(later);
    figures.changed.push(changed);
  }
}

async function arrive(host: TestHost, name: string, say: (text: string) => void): Promise<ArriveFigures> {
  await host.must('resume', name);
  const arrival = await waitForWhole(host, name, wholeMs);
  say(`on ${host.name}: running after ${Math.round(arrival.runningMs ?? 0)} ms, first output after ${Math.round(arrival.firstOutputMs ?? 0)} ms, whole after ${Math.round(arrival.completeMs ?? 0)} ms`);
  return arrival;
}

async function workAndSuspend(host: TestHost, name: string, workMs: number): Promise<DepartFigures> {
  await sleep(workMs);
  return (await host.suspend(name)).depart;
}
