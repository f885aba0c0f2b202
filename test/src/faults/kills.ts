import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@godwit/base';
import type { ArrivePhase, DepartPhase, RouteId } from '@godwit/wire';
import { aMoment, beginResume, beginSuspend, outcomeOf, resumePhases, suspendPhases, unknownIn, type Begun } from './acts.ts';
import { variant, type Ending, type Happened, type RealFault } from './fault.ts';
import type { Actor, Stage } from './stage.ts';
import { tableB } from './table-b.ts';

/** `kill -9` of each program, in each phase. */

/** A phase may be over sooner; then the next one is hit. */
const momentMs = 120;

async function hit(begun: Begun, phase: string, random: Random, kill: () => Promise<void> | void, ends: readonly Ending[]): Promise<Happened> {
  if (!(await begun.reached)) return { ends, violations: [`the phase ${phase} never came: ${await begun.outcome}`] };
  await aMoment(random, momentMs);
  await kill();
  return { ends, unknownOutcomes: unknownIn(await begun.outcome) };
}

async function killAgentIn(stage: Stage, phase: DepartPhase, random: Random): Promise<Happened> {
  return await hit(beginSuspend(stage, phase), phase, random, () => stage.killAgent(), ['goes-on']);
}

/** What a guest did before it had everything may be lost with the agent that fed it. */
async function killArrivingAgent(stage: Stage, phase: ArrivePhase, random: Random): Promise<Happened> {
  const begun = await beginResume(stage, phase);
  return await hit(begun, phase, random, () => stage.killAgent(begun.actor), ['goes-on', 'from-checkpoint']);
}

function killMachines(stage: Stage, host: string): void {
  for (const { pid } of stage.watch.machines().filter((machine) => machine.host === host)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
}

async function killQemuIn(stage: Stage, phase: DepartPhase, random: Random): Promise<Happened> {
  const begun = beginSuspend(stage, phase);
  return await hit(begun, phase, random, () => killMachines(stage, begun.actor.name), ['goes-on', 'from-disk']);
}

async function killArrivingQemu(stage: Stage, phase: ArrivePhase, random: Random): Promise<Happened> {
  const begun = await beginResume(stage, phase);
  return await hit(begun, phase, random, () => killMachines(stage, begun.actor.name), ['goes-on', 'from-checkpoint', 'from-disk']);
}

/** The routes that a suspend asks, and those of a resume: between two of them is a step of the coordinator's. */
const suspendRoutes = ['readTreeHead', 'readChain', 'readDesktop', 'mintUrls', 'putObject', 'commitCheckpoint', 'readReceipt'] as const satisfies readonly RouteId[];
const resumeRoutes = ['listDesktops', 'acquireDesktop', 'readReceipt', 'mintUrls', 'getObject'] as const satisfies readonly RouteId[];
/** A request is served in a few milliseconds; a commit, or eight MiB, in a few more. */
const requestMs = 25;

type Kill = (stage: Stage) => Promise<void>;

async function killInRoute(stage: Stage, route: RouteId, departing: boolean, random: Random, kill: Kill): Promise<Happened> {
  if (!departing) await stage.free();
  const actor = departing ? stage.holder : stage.other();
  const asked = actor.proxy.next(route, { kind: 'pass' });
  const begun = departing ? beginSuspend(stage, 'check') : beginResumeOf(stage, actor);
  const came = await Promise.race([asked.then(() => true), begun.outcome.then(() => false)]);
  if (!came) return { ends: ['goes-on'], violations: [`${route} was never asked: ${await begun.outcome}`] };
  await aMoment(random, requestMs);
  await kill(stage);
  await sleep(500);
  await stage.mend();
  return { ends: ['goes-on', 'from-checkpoint'], unknownOutcomes: unknownIn(await begun.outcome) };
}

/** The desktop is free already. */
function beginResumeOf(stage: Stage, actor: Actor): Begun {
  return { actor, reached: Promise.resolve(true), outcome: outcomeOf(actor.host.call('resume', { name: stage.desktop, eager: false, wait: true })) };
}

const killCoordinator: Kill = (stage) => stage.killCoordinator();

/** The coordinator's own PostgreSQL, all of it: its first process, by the file that it keeps. */
const killPostgres: Kill = async ({ house }) => {
  const file = join(house.directory, 'c', 'postgres', 'postmaster.pid');
  if (!existsSync(file)) throw new Error('the coordinator has no PostgreSQL of its own');
  process.kill(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGKILL');
};

const phases = <Phase extends string>(name: string, row: RealFault['row'], does: string, all: readonly Phase[], quickRuns: number, run: (stage: Stage, phase: Phase, random: Random) => Promise<Happened>): RealFault => ({
  name,
  row,
  does: `${does}: ${all.join(', ')}`,
  quickRuns,
  fullRuns: 3 * all.length,
  run: (stage, random, index, runs) => run(stage, variant(all, random, index, runs), random),
});

const routesOf = (name: string, does: string, kill: Kill, quickRuns: number): RealFault => {
  const all = [...suspendRoutes.map((route) => ({ route, departing: true })), ...resumeRoutes.map((route) => ({ route, departing: false }))];
  return {
    name,
    row: tableB.killCoordinator,
    does: `${does} while it serves ${[...suspendRoutes, ...resumeRoutes].join(', ')}`,
    quickRuns,
    fullRuns: 2 * all.length,
    run: (stage, random, run, runs) => {
      const { route, departing } = variant(all, random, run, runs);
      return killInRoute(stage, route, departing, random, kill);
    },
  };
};

export const killFaults: readonly RealFault[] = [
  phases('kill-agent-suspend', tableB.killAgent, 'kills the agent in a phase of suspend', suspendPhases, 1, killAgentIn),
  phases('kill-agent-resume', tableB.killAgent, 'kills the agent in a phase of resume', resumePhases, 1, killArrivingAgent),
  phases('kill-qemu-suspend', tableB.killQemu, 'kills QEMU in a phase of suspend', suspendPhases, 1, killQemuIn),
  phases('kill-qemu-resume', tableB.killQemu, 'kills QEMU in a phase of resume', ['launch', 'load', 'run', 'fill', 'settle'] as const, 1, killArrivingQemu),
  routesOf('kill-coordinator', 'kills the coordinator', killCoordinator, 1),
  routesOf('kill-postgres', "kills the coordinator's PostgreSQL", killPostgres, 1),
];
