import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@godwit/base';
import { outcomeOf, unknownIn } from './acts.ts';
import { durableActs, durablePaths } from './durable-acts.ts';
import { variant, type Happened, type RealFault } from './fault.ts';
import type { Actor, Stage } from './stage.ts';
import { countCalls, injectsOf, tryAct } from './strace-acts.ts';
import { hasEnded, injections, Strace, straceIsMissing, traceable, type Inject } from './strace.ts';
import { tableB } from './table-b.ts';

/** One file call of a whole agent's durable state fails or kills it, in the middle of a suspend or a resume; and each of those that the state consists of, alone. */

type Command = 'suspend' | 'resume';

/** What an agent does in one command, from one traced run in which nothing fails. */
const measured = new Map<Command, ReadonlyMap<Inject['call'], number>>();

interface Traced {
  readonly outcome: string;
  readonly counts: ReadonlyMap<Inject['call'], number>;
  readonly hit: boolean;
}

async function traced(stage: Stage, actor: Actor, command: Command, inject?: Inject): Promise<Traced> {
  const directory = mkdtempSync('/tmp/godwit-strace-');
  const { desktopId } = await actor.insider.desktop(stage.desktop);
  const { pid } = actor.host;
  try {
    const strace = await Strace.attach(pid, durablePaths(actor.host.home, desktopId), join(directory, 'trace'), inject);
    const outcome = await outcomeOf(command === 'suspend' ? stage.suspend() : actor.host.call('resume', { name: stage.desktop, eager: false, wait: true }));
    await strace.detach();
    const killed = hasEnded(pid);
    if (killed) await stage.killAgent(actor);
    return { outcome, counts: strace.counts, hit: killed || strace.hit };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function failIn(stage: Stage, command: Command, random: Random, run: number, runs: number): Promise<Happened> {
  const ends = command === 'suspend' ? (['goes-on'] as const) : (['goes-on', 'from-checkpoint'] as const);
  const actor = await actorOf(stage, command);
  const counts = measured.get(command);
  if (counts === undefined) {
    const { outcome, counts: found } = await traced(stage, actor, command);
    measured.set(command, found);
    return { ends, violations: outcome === 'done' ? [] : [`a ${command} in which nothing fails: ${outcome}`] };
  }
  const inject = variant(injectsOf(counts, injections), random, run, runs);
  const { outcome } = await traced(stage, actor, command, inject);
  return { ends, unknownOutcomes: unknownIn(outcome) };
}

async function actorOf(stage: Stage, command: Command): Promise<Actor> {
  if (command === 'suspend') return stage.holder;
  await stage.free();
  return stage.other();
}

/** All calls of one act, each with each failure; the stage only looks on. */
async function failAlone(run: number): Promise<Happened> {
  const act = durableActs[run % durableActs.length]!;
  const { counts, findings } = await countCalls(act);
  const violations = [...findings];
  for (const inject of injectsOf(counts, injections)) violations.push(...(await tryAct(act, inject)).violations);
  return { ends: ['goes-on'], violations };
}

const whole = (command: Command, quickRuns: number, fullRuns: number): RealFault => ({
  name: `syscall-${command}`,
  row: tableB.syscalls,
  does: `one call for a durable file of the agent fails (EIO, ENOSPC) or kills it in a ${command}`,
  quickRuns,
  fullRuns,
  wish: { environment: traceable },
  lacks: straceIsMissing,
  run: (stage, random, run, runs) => failIn(stage, command, random, run, runs),
});

export const straceFaults: readonly RealFault[] = [
  whole('suspend', 2, 60),
  whole('resume', 2, 60),
  {
    name: 'syscall-each', row: tableB.syscalls, does: `every call of ${durableActs.map(({ name }) => name).join(', ')}, one process per call: EIO, ENOSPC, SIGKILL`, quickRuns: 0, fullRuns: durableActs.length,
    wish: { environment: traceable }, lacks: straceIsMissing, run: (_stage, _random, run) => failAlone(run),
  },
];
