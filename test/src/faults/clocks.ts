import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@godwit/base';
import { outcomeOf, unknownIn } from './acts.ts';
import { pick, variant, type Happened, type RealFault } from './fault.ts';
import { preloaded } from './preload.ts';
import type { ClockFault } from './preload-clock.ts';
import type { Stage } from './stage.ts';
import { tableB } from './table-b.ts';

/** Real agents whose clocks are not what they should be. */

const hourMs = 3_600_000;
const tenYearsMs = 10 * 365 * 24 * hourMs;

const wrong: readonly { readonly says: string; readonly clock: ClockFault; readonly mayMove: boolean }[] = [
  { says: 'an hour ahead', clock: { wallOffsetMs: hourMs }, mayMove: false },
  { says: 'an hour behind', clock: { wallOffsetMs: -hourMs }, mayMove: false },
  { says: 'ten years ahead', clock: { wallOffsetMs: tenYearsMs }, mayMove: false },
  { says: 'ten years behind', clock: { wallOffsetMs: -tenYearsMs }, mayMove: false },
  { says: '5 % fast', clock: { wallDrift: 0.05 }, mayMove: true },
  { says: '5 % fast, with all other clocks', clock: { allDrift: 0.05 }, mayMove: true },
];

/** The holder's agent starts anew with such a clock. What it asks for is refused by name, or done; its guest runs on either way. */
async function wrongWallClock(stage: Stage, { says, clock, mayMove }: (typeof wrong)[number]): Promise<Happened> {
  const actor = stage.holder;
  await actor.host.stopAgent();
  await actor.host.startAgent(preloaded('preload-clock', clock));
  const violations: string[] = [];
  await stage.look();
  const outcome = await outcomeOf(stage.suspend());
  const right = mayMove ? ['done'] : ['saved', 'REQUEST_TIME_SKEWED', 'COORDINATOR_UNREACHABLE'];
  if (!right.includes(outcome)) violations.push(`suspend with a clock ${says}: ${outcome}`);
  await actor.host.stopAgent();
  await actor.host.startAgent();
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(outcome), violations };
}

/** The boot clock of the agent jumps, as after a sleep that nobody announced; its guest goes on when the epoch was confirmed, or nobody answers. */
async function wakeLate(stage: Stage, random: Random, reachable: boolean): Promise<Happened> {
  const actor = stage.holder;
  await actor.host.stopAgent();
  await actor.host.startAgent(preloaded('preload-clock', { sleepMs: 60_000 * (1 + pick(random, 600)) } satisfies ClockFault));
  await stage.look();
  if (!reachable) actor.proxy.cut('both');
  process.kill(actor.host.pid, 'SIGUSR2');
  await sleep(4_000);
  return { ends: ['goes-on'] };
}

export const clockFaults: readonly RealFault[] = [
  {
    name: 'wall-clock', row: tableB.wallClock, does: `the holder's agent has a clock that is ${wrong.map(({ says }) => says).join(', ')}`, quickRuns: 1, fullRuns: 2 * wrong.length,
    run: (stage, random, run, runs) => wrongWallClock(stage, variant(wrong, random, run, runs)),
  },
  {
    name: 'wake', row: tableB.wake, does: "the boot clock of the holder's agent jumps by minutes to hours, its working clock does not; in reach and out of reach", quickRuns: 1, fullRuns: 8,
    run: (stage, random, run) => wakeLate(stage, random, run % 2 === 0),
  },
];
