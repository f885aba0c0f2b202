import type { BrokenRule } from './broken-rules.ts';
import { mend, plaguesOf, somethingFails } from './faults.ts';
import { begin } from './setting.ts';
import { actOfUser } from './user.ts';
import { World } from './world.ts';

/** So long everything is well... */
const quietMs = 40_000;
/** ... so long people act and things fail... */
const busyMs = 1_800_000;
/** ... and so long they have to come to rest. */
const restMs = 200_000;

export interface Violation {
  readonly seed: number;
  readonly step: number;
  readonly what: string;
  /** The newest events before it, oldest first. */
  readonly story: readonly string[];
}

export interface SeedResult {
  readonly steps: number;
  readonly violation: Violation | undefined;
  /** Two ran because a guard was dead or stopped, which is no violation. */
  readonly unguarded: number;
  /** Checkpoints that were committed, forks, take-overs: whether anything happened at all. */
  readonly commits: number;
  readonly forks: number;
  readonly takeOvers: number;
}

export interface SeedOptions {
  readonly broken?: BrokenRule | undefined;
  /** So many of the newest events are told. */
  readonly storyLines?: number;
}

/** One world from its beginning to its end. The same seed is the same world. */
export function runSeed(seed: number, options: SeedOptions = {}): SeedResult {
  const world = new World(seed, options);
  begin(world);
  world.liveness.begin();
  world.runUntil(world.nowMs + quietMs);
  const endMs = world.nowMs + busyMs;
  // Some worlds are full of trouble, in others people mostly do what they want.
  const actEveryMs = world.dice.spread(3_000, 30_000);
  const faultEveryMs = world.dice.spread(6_000, 90_000);
  again(world, endMs, actEveryMs, () => actOfUser(world));
  const plagues = plaguesOf(world.dice);
  again(world, endMs, faultEveryMs, () => somethingFails(world, plagues));
  world.runUntil(endMs);
  if (world.watch.violation === undefined) mend(world);
  world.runUntil(endMs + restMs);
  if (world.watch.violation === undefined) world.liveness.lookAtEnd();
  return resultOf(world, seed);
}

function again(world: World, endMs: number, everyMs: number, act: () => void): void {
  const atMs = world.nowMs + world.dice.spread(everyMs / 5, everyMs * 3);
  if (atMs >= endMs) return;
  world.agenda.add(atMs, () => {
    act();
    again(world, endMs, everyMs, act);
  });
}

function resultOf({ steps, watch, story, coordinator: { database } }: World, seed: number): SeedResult {
  const { violation: what, unguarded } = watch;
  const forks = [...database.desktops.keys()].filter((name) => name.startsWith('f')).length;
  return {
    steps, unguarded, forks,
    commits: database.commits.size,
    takeOvers: database.log.filter(({ kind }) => kind === 'taken-over').length,
    violation: what === undefined ? undefined : { seed, step: steps, what, story: story?.lines ?? [] },
  };
}

export interface Summary {
  readonly seeds: number;
  readonly steps: number;
  readonly violations: readonly Violation[];
  readonly unguarded: number;
  readonly commits: number;
  readonly forks: number;
  readonly takeOvers: number;
}

/** Seeds from `first` on. What was violated is run once more, for its story. */
export function runSeeds(first: number, count: number, options: { readonly broken?: BrokenRule | undefined; readonly untilFound?: boolean; readonly onSeed?: (seed: number) => void } = {}): Summary {
  const sum = { seeds: 0, steps: 0, unguarded: 0, commits: 0, forks: 0, takeOvers: 0 };
  const violations: Violation[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const { broken } = options;
    const result = runSeed(seed, { broken });
    sum.seeds += 1;
    for (const figure of ['steps', 'unguarded', 'commits', 'forks', 'takeOvers'] as const) sum[figure] += result[figure];
    if (result.violation !== undefined) violations.push(runSeed(seed, { broken, storyLines: 30 }).violation ?? result.violation);
    options.onSeed?.(seed);
    if (options.untilFound === true && violations.length > 0) break;
  }
  return { ...sum, violations };
}
