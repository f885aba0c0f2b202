import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@godwit/base';
import { lastTick } from '../house/guest.ts';
import { beginResume, beginSuspend, outcomeOf, resumePhases, suspendPhases, unknownIn, type Begun } from './acts.ts';
import { pick, variant, type Ending, type Happened, type RealFault } from './fault.ts';
import type { Actor, Stage } from './stage.ts';
import { tableB } from './table-b.ts';

/** `kill -9` where one kill is not enough, or where it meets two hosts: the guard, an agent that is just recovering, the taker of a desktop. */

/** The ids of the guards of a host's desktops, by the files that they keep. */
function guardsOf({ home }: Actor['host']): number[] {
  return readdirSync(join(home, 'desktops')).flatMap((desktop) => {
    try {
      const [, , , pid] = readFileSync(join(home, 'desktops', desktop, 'guard', 'guard'), 'latin1').split(' ');
      return pid === undefined ? [] : [Number(pid)];
    } catch {
      return []; // It has none, or its folder is just being removed.
    }
  });
}

function killGuards(actor: Actor): number {
  let killed = 0;
  for (const pid of guardsOf(actor.host)) {
    try {
      process.kill(pid, 'SIGKILL');
      killed += 1;
    } catch {
      // It has just ended by itself.
    }
  }
  return killed;
}

const guardMoments = ['running', 'prepare', 'capture', 'upload', 'launch', 'run', 'fill'] as const;
/** The agent looks four times a second whether its guards live, and starts another in about as long. */
const anotherMs = 20_000;

async function killGuard(stage: Stage, moment: (typeof guardMoments)[number]): Promise<Happened> {
  if (moment === 'running') {
    const { holder } = stage;
    const before = guardsOf(holder.host);
    const violations = killGuards(holder) === 0 ? ['a strict desktop runs without a guard'] : await waitForGuard(holder, before);
    return { ends: ['goes-on'], violations };
  }
  const departing = (suspendPhases as readonly string[]).includes(moment) && moment !== 'prepare';
  const phase = moment as (typeof suspendPhases)[number] & (typeof resumePhases)[number];
  const begun = departing ? beginSuspend(stage, phase) : await beginResume(stage, phase);
  const ends: readonly Ending[] = departing ? ['goes-on'] : ['goes-on', 'from-checkpoint'];
  if (await begun.reached) killGuards(begun.actor);
  return { ends, unknownOutcomes: unknownIn(await begun.outcome) };
}

async function waitForGuard({ host }: Actor, before: readonly number[]): Promise<string[]> {
  const endMs = performance.now() + anotherMs;
  while (performance.now() < endMs) {
    if (guardsOf(host).some((pid) => !before.includes(pid))) return [];
    await sleep(100);
  }
  return [`no other guard ${anotherMs / 1000} s after one was killed`];
}

/** An agent that starts is ready in about a second: the second kill meets it anywhere in its recovery. */
const startingMs = 1_500;

/** Killed in a phase, and again while it takes up what that left. */
async function killTwice(stage: Stage, phase: (typeof suspendPhases)[number], random: Random): Promise<Happened> {
  const begun = beginSuspend(stage, phase);
  if (!(await begun.reached)) return { ends: ['goes-on'], violations: [`the phase ${phase} never came: ${await begun.outcome}`] };
  const { actor } = begun;
  await stage.killAgent(actor);
  const outcome = await begun.outcome;
  const starting = actor.host.startAgent().then(() => undefined, () => undefined); // It ends before it is ready, which is what is wanted.
  await sleep(pick(random, startingMs));
  await stage.killAgent(actor);
  await starting;
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(outcome) };
}

type Victim = 'agent' | 'coordinator';
/** The phases of the resume that a take-over ends with. */
const takePhases = ['fit', 'prepare', 'launch', 'load', 'run', 'fill'] as const;

/** The taker, or the coordinator, dies in the middle of a take-over; its user takes over again if it is still open. */
async function killTaking(stage: Stage, phase: (typeof takePhases)[number], victim: Victim): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  old.proxy.cut('both', 'reset');
  const begun = beginTake(stage, next, phase);
  const seen = (await lastTick(old.host, stage.desktop)) ?? stage.seen;
  if (await begun.reached) await (victim === 'agent' ? stage.killAgent(next) : stage.killCoordinator());
  const outcome = await begun.outcome;
  await stage.mend();
  const { owner } = await next.insider.desktop(stage.desktop);
  if (owner?.name === old.name) return { ends: ['goes-on'], unknownOutcomes: unknownIn(outcome), violations: [`the phase ${phase} came before the desktop was taken`] };
  stage.holder = next;
  return { ends: ['from-checkpoint'], leftBehind: { actor: old, seen }, unknownOutcomes: unknownIn(outcome) };
}

function beginTake(stage: Stage, actor: Actor, phase: string): Begun {
  const reached = Promise.withResolvers<boolean>();
  const outcome = outcomeOf(
    actor.host.call('takeover', { name: stage.desktop, confirmed: true, withoutAsking: true, eager: false }, (progress) => {
      if (progress.phase === phase) reached.resolve(true);
    }),
  );
  void outcome.then(() => reached.resolve(false));
  return { actor, outcome, reached: reached.promise };
}

const taking = (victim: Victim, row: RealFault['row']): RealFault => ({
  name: `kill-${victim}-take-over`, row, does: `kills the ${victim === 'agent' ? "taker's agent" : victim} in a phase of a take-over: ${takePhases.join(', ')}`, quickRuns: 1, fullRuns: 2 * takePhases.length,
  run: (stage, random, run, runs) => killTaking(stage, variant(takePhases, random, run, runs), victim),
});

export const crashFaults: readonly RealFault[] = [
  {
    name: 'kill-guard', row: tableB.killAgent, does: `kills the guard of a strict desktop: ${guardMoments.join(', ')}`, quickRuns: 1, fullRuns: 3 * guardMoments.length, wish: { offline: 'stop' },
    run: (stage, random, run, runs) => killGuard(stage, variant(guardMoments, random, run, runs)),
  },
  {
    name: 'kill-agent-twice', row: tableB.killAgent, does: `kills the agent in a phase of suspend, and the next one while it starts: ${suspendPhases.join(', ')}`, quickRuns: 1, fullRuns: 3 * suspendPhases.length,
    run: (stage, random, run, runs) => killTwice(stage, variant(suspendPhases, random, run, runs), random),
  },
  taking('agent', tableB.killAgent),
  taking('coordinator', tableB.killCoordinator),
];
