import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@godwit/base';
import { guardKillMs, guardPauseMs, leaseTermMs } from '@godwit/wire';
import { outcomeOf } from './acts.ts';
import { variant, type Happened, type RealFault } from './fault.ts';
import type { Actor, Stage } from './stage.ts';
import { tableB } from './table-b.ts';

/** Processes that stand still (SIGSTOP) and go on: what a laptop that slept looks like, or a part of it that hangs. */

type Party = 'agent' | 'guard' | 'machine';

interface Stop {
  readonly who: readonly Party[];
  readonly terms: number;
  /** Its user takes the desktop over as soon as that is allowed, and only then they go on. */
  readonly takenOver?: boolean;
}

const all: readonly Party[] = ['agent', 'guard', 'machine'];

/** Of a desktop that may run without word: whatever stood still goes on. There is no guard. */
const keptStops: readonly Stop[] = [
  { who: ['agent', 'machine'], terms: 0.2 },
  { who: ['agent'], terms: 0.5 },
  { who: ['machine'], terms: 0.5 },
  { who: ['agent', 'machine'], terms: 2 },
  { who: ['machine'], terms: 2 },
];

const strictStops: readonly Stop[] = [
  { who: all, terms: 1 },
  { who: all, terms: 0.5 },
  { who: ['agent'], terms: 0.5 },
  { who: ['guard'], terms: 0.5 },
  { who: ['machine'], terms: 0.5 },
  { who: ['agent'], terms: 1.2 },
  { who: ['guard'], terms: 2 },
  { who: ['machine'], terms: 2 },
  { who: all, terms: 0, takenOver: true },
  { who: all, terms: 5 },
  { who: all, terms: 20 },
];

/** From waking up past the deadline until nothing runs. */
const wakeMs = 500;
/** The machine may be busy: for what is looked at while the guard alone acts. */
const lateMs = 1_500;
const lookMs = 50;

/** A strict guest whose lease was not renewed for a term is ended; any other one goes on. */
async function stopFor(stage: Stage, strict: boolean, { who, terms, takenOver = false }: Stop): Promise<Happened> {
  const actor = stage.holder;
  const pids = who.map((party) => pidOf(stage, actor, party));
  const machine = pidOf(stage, actor, 'machine');
  const { seen } = stage;
  const ends = strict && who.includes('agent') && (takenOver || terms >= 1);
  const violations: string[] = [];
  signal(pids, 'SIGSTOP');
  const stoppedMs = performance.now();
  try {
    if (takenOver) await takeOver(stage, violations);
    // Its lease may have been renewed just now, so it ends a term from now at the latest.
    else violations.push(...(await lookWhile(stage, machine, stoppedMs, terms * leaseTermMs, ends && who.length === 1)));
  } finally {
    signal(pids, 'SIGCONT');
  }
  if (!ends) return { ends: ['goes-on'], violations };
  const wokenMs = performance.now();
  while (existsSync(`/proc/${machine}`) && performance.now() - wokenMs < 10 * wakeMs) await sleep(5);
  const tookMs = Math.round(performance.now() - wokenMs);
  if (tookMs > wakeMs) violations.push(`its QEMU is there ${tookMs} ms after it woke up past its deadline`);
  return takenOver ? { ends: ['from-checkpoint'], leftBehind: { actor, seen }, violations } : { ends: ['from-disk'], violations };
}

/** While the agent stands still, the guard alone ends what has no lease. */
async function lookWhile({ watch }: Stage, machine: number, stoppedMs: number, forMs: number, ends: boolean): Promise<string[]> {
  let violation: string | undefined;
  for (let goneMs = 0; goneMs < forMs; goneMs = performance.now() - stoppedMs) {
    if (ends && goneMs > leaseTermMs - guardPauseMs + lateMs && watch.runs(machine)) violation ??= `its guest runs ${Math.round(goneMs)} ms after its agent stood still`;
    if (ends && goneMs > leaseTermMs - guardKillMs + lateMs && existsSync(`/proc/${machine}`)) violation ??= `its QEMU is there ${Math.round(goneMs)} ms after its agent stood still`;
    await sleep(lookMs);
  }
  return violation === undefined ? [] : [violation];
}

async function takeOver(stage: Stage, violations: string[]): Promise<void> {
  const next = stage.other();
  for (;;) {
    const outcome = await outcomeOf(next.host.call('takeover', { name: stage.desktop, confirmed: true, withoutAsking: true, eager: false }));
    if (outcome !== 'LEASE_NOT_OVER') {
      if (outcome !== 'done') violations.push(`take-over: ${outcome}`);
      stage.holder = next;
      return;
    }
    await sleep(500);
  }
}

function pidOf({ watch, house }: Stage, { name, host }: Actor, party: Party): number {
  if (party === 'agent') return host.pid;
  const pid = party === 'machine' ? watch.machines().find((machine) => machine.host === name)?.pid : guardOf(`${house.directory}/${name}/`);
  if (pid === undefined) throw new Error(`${name} has no ${party}`);
  return pid;
}

/** The guard that keeps its files below `directory`. */
function guardOf(directory: string): number | undefined {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      return words.some((word) => word.endsWith('/guard/main.js')) && words.some((word) => word.startsWith(directory));
    } catch {
      return false; // It ended between the two looks.
    }
  });
}

/** Those that are still there: the guard ends QEMU, and an agent ends a guard that does not answer. */
function signal(pids: readonly number[], name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** One run does the first of them, which is quick; more runs do each in turn. */
const stops = (name: string, does: string, list: readonly Stop[], quickRuns: number, wish: RealFault['wish']): RealFault => ({
  name,
  row: tableB.stop,
  does: `${does}: ${list.map(({ who, terms, takenOver }) => `${who.join(' and ')} for ${takenOver === true ? 'as long as a take-over takes' : `${terms} terms`}`).join('; ')}`,
  quickRuns,
  fullRuns: list.length,
  ...(wish === undefined ? {} : { wish }),
  run: (stage: Stage, random: Random, run: number, runs: number) => stopFor(stage, wish?.offline === 'stop', runs === 1 ? list[0]! : variant(list, random, run, runs)),
});

export const stopFaults: readonly RealFault[] = [
  stops('stop-kept', 'stops processes of the holder, then lets them go on', keptStops, 1, undefined),
  stops('stop-strict', 'the same for a strict desktop, whose guest does not run past its lease', strictStops, 0, { offline: 'stop' }),
];
