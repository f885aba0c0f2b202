import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArriveFigures, DepartFigures } from '@godwit/wire';
import { machineOf, openTwoHosts } from '../e2e/two-hosts.ts';
import { waitForTick, waitForWhole } from '../house/guest.ts';
import { changedPages, saveMemory } from './guest-pages.ts';

/** Godwit's own side of the rows: real coordinator, real agents, real guests, moved to and fro. */

export interface OurFigures {
  readonly first: DepartFigures[];
  /** Suspends after a move and some work of the guest. */
  readonly later: DepartFigures[];
  readonly arrivals: ArriveFigures[];
  /** What really changed between two suspends, and what `zstd -1` makes of it. */
  readonly changed: { readonly pages: number; readonly compressedBytes: number }[];
}

const desktop = 'work';
const readyMs = 240_000;
const completeMs = 240_000;

/** `runs` times: a new desktop of `memoryMiB`, its first suspend, a move, `workMs` of its own work, and the second suspend. */
export async function measureMoves(options: { image: string; memoryMiB: number; runs: number; workMs: number; tell: (text: string) => void }): Promise<OurFigures> {
  const { image, memoryMiB, runs, workMs, tell } = options;
  const figures: OurFigures = { first: [], later: [], arrivals: [], changed: [] };
  const { house, a, b } = await openTwoHosts();
  const directory = mkdtempSync('/tmp/godwit-p-');
  try {
    for (let run = 1; run <= runs; run += 1) {
      const name = `${desktop}-${run}`;
      await a.must('create', name, '--image', image, '--memory', `${memoryMiB}M`, '--cpus', '1');
      await a.must('start', name);
      await waitForTick(a, name, ({ counter }) => counter >= 5, readyMs);
      await sleep(workMs);
      figures.first.push((await a.suspend(name)).depart);
      await b.must('resume', name);
      figures.arrivals.push(await waitForWhole(b, name, completeMs));
      const [pid, before] = [machineOf(b), join(directory, 'before')];
      saveMemory(pid, memoryMiB * 2 ** 20, before);
      await sleep(workMs);
      figures.changed.push(changedPages(pid, memoryMiB * 2 ** 20, before));
      figures.later.push((await b.suspend(name)).depart);
      tell(`${memoryMiB} MiB, run ${run} of ${runs}: first suspend ${Math.round(figures.first.at(-1)!.durableMs)} ms, running after ${Math.round(figures.arrivals.at(-1)!.runningMs ?? 0)} ms, second suspend ${Math.round(figures.later.at(-1)!.durableMs)} ms`);
    }
    return figures;
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await house.close();
  }
}
