import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, type DesktopId, type Random } from '@godwit/base';
import { guardKillMs, guardPauseMs, leaseTermMs, takeOverMarginMs } from '@godwit/wire';
import { tickOf } from '../e2e/two-hosts.ts';
import { lastTick } from '../house/guest.ts';
import { beginSuspend, outcomeOf, unknownIn, type Begun } from './acts.ts';
import { pick, pickOf, variant, type Happened, type RealFault } from './fault.ts';
import { raceDesktop, type Racer } from './racers.ts';
import type { Actor, Stage } from './stage.ts';
import { tableB } from './table-b.ts';
import type { Toxic } from './toxics.ts';

/** Who owns the desktop, when several want it, and when its owner is gone, busy, late or not trusted any more. */

const takeOver = { confirmed: true, withoutAsking: true, eager: false } as const;

/** Its user takes the desktop over on another host, which then is the holder. Throws what the agent throws. */
async function takenOver(stage: Stage, actor: Actor): Promise<void> {
  await actor.host.call('takeover', { name: stage.desktop, ...takeOver });
  stage.holder = actor;
}

/** The holder is busy sending everything when its user takes the desktop over elsewhere. */
async function takeOverWhileUploading(stage: Stage): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  old.proxy.rule = ({ route }) => (route === 'putObject' ? { kind: 'delay', requestMs: 3_000, answerMs: 0 } : undefined);
  const begun = beginSuspend(stage, 'upload');
  if (!(await begun.reached)) return { ends: ['goes-on'], violations: [`it never began to upload: ${await begun.outcome}`] };
  const { seen } = stage;
  await takenOver(stage, next);
  old.proxy.rule = () => undefined;
  const outcome = await begun.outcome;
  const violations = outcome === 'done' ? ['a superseded epoch was committed'] : [];
  return { ends: ['from-checkpoint'], leftBehind: { actor: old, seen }, unknownOutcomes: unknownIn(outcome), violations };
}

/** How soon after a host is in reach again its copy has to stand still: it is told at once, and has half a second from then. */
const stoppedMs = 500;
/** For the connection that tells it: the agent tries again this often, and a busy machine may be late. */
const toldMs = 15_000;

/** The holder is out of reach when its user takes the desktop over, runs on, and comes back. */
async function takeOverOutOfReach(stage: Stage, random: Random): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  old.proxy.cut('both', 'reset');
  await takenOver(stage, next);
  await sleep(1_000 + pick(random, 2_000));
  const seen = (await lastTick(old.host, stage.desktop)) ?? stage.seen;
  await old.proxy.heal();
  const violations = await standsStill(stage, old, toldMs + stoppedMs);
  return { ends: ['from-checkpoint'], leftBehind: { actor: old, seen }, violations };
}

async function standsStill({ watch }: Stage, { name }: Actor, limitMs: number): Promise<string[]> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const running = watch.machines().filter(({ host, pid }) => host === name && watch.runs(pid));
    if (running.length === 0) return [];
    if (performance.now() > endMs) return [`the copy on ${name} still runs ${limitMs / 1000} s after it was in reach again`];
    await sleep(50);
  }
}

/** A strict desktop without word: its guest stands still, then its QEMU is gone, and only then may another host have it. */
async function cutOffStrict(stage: Stage, random: Random): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  await sleep(pick(random, 5_000));
  const { seen } = stage;
  // No request gets through from here on, so no lease runs longer than a term from now.
  const cutMs = performance.now();
  old.proxy.cut('both', pick(random, 2) === 0 ? 'silence' : 'reset');
  const since = (): number => performance.now() - cutMs;
  const violations: string[] = [];
  const machines = (): number[] => stage.watch.machines().filter(({ host }) => host === old.name).map(({ pid }) => pid);
  let tries = 0;
  for (;;) {
    const ran = machines().filter((pid) => stage.watch.runs(pid));
    if (ran.length > 0 && since() > leaseTermMs - guardPauseMs + lateMs) violations.push(`its guest runs ${Math.round(since())} ms after the last word`);
    if (machines().length > 0 && since() > leaseTermMs - guardKillMs + lateMs) violations.push(`its QEMU is there ${Math.round(since())} ms after the last word`);
    const outcome = await outcomeOf(takenOver(stage, next));
    tries += 1;
    if (outcome === 'done') break;
    if (outcome !== 'LEASE_NOT_OVER' || violations.length > 3) return { ends: ['from-checkpoint'], violations: [...violations, `take-over: ${outcome}`], spent: true };
    await sleep(500);
  }
  const takenMs = since();
  // The last renewal may have been answered a moment before the cut, sent up to an interval before.
  if (takenMs < leaseTermMs + takeOverMarginMs - renewalAgeMs) violations.push(`taken over ${Math.round(takenMs)} ms after the cut, after ${tries} tries`);
  if (machines().length > 0) violations.push('its QEMU is still there when another host has the desktop');
  return { ends: ['from-checkpoint'], leftBehind: { actor: old, seen }, violations, spent: violations.length > 0 };
}

/** The watch looks ten times a second, a request may have been under way, and the machine may be busy. */
const lateMs = 1_500;
const renewalAgeMs = 6_000;

/**
 * The user revokes the host that is just suspending. What it commits afterwards never counts. What it committed in between, and nobody else
 * had seen by then, is refused everywhere: nobody can tell it from something that it wrote later. Then its user goes back to what was seen.
 */
async function revokeWhileSuspending(stage: Stage, random: Random): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  const { floor } = stage;
  await next.host.call('status', { name: stage.desktop });
  const before = (await next.insider.desktop(stage.desktop)).head?.sequence ?? 0;
  const begun: Begun = beginSuspend(stage, pickOf(random, ['capture', 'upload', 'commit'] as const));
  await begun.reached;
  await next.host.call('revoke', { host: old.insider.device.hostId, confirmed: true });
  const outcome = await begun.outcome;
  const violations = await standsStill(stage, old, toldMs);
  stage.holder = next;
  const { owner, head } = await next.insider.desktop(stage.desktop);
  if (owner !== null) violations.push(`the desktop of a revoked host is held by ${owner.name}`);
  const resumed = await outcomeOf(next.host.call('resume', { name: stage.desktop, eager: false, wait: false }));
  if (resumed === 'DEVICE_REVOKED' && head !== null && head.sequence > before) {
    await next.host.call('rollback', { name: stage.desktop, sequence: before, confirmed: true });
    stage.memory.givenUp(stage.desktop);
    stage.floor = floor;
  } else if (resumed !== 'done') violations.push(`resume after the revocation: ${resumed}`);
  return { ends: ['goes-on', 'from-checkpoint'], unknownOutcomes: unknownIn(outcome), leftBehind: { actor: old, seen: undefined }, violations, spent: true };
}

/** All ask at the same instant, over and over; one gets it each time, and everybody else is told who. */
async function acquireAtOnce(stage: Stage, count: number, rounds: number): Promise<Happened> {
  const { desktopId, racers } = await raceDesktop(stage, count);
  const violations: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await stage.holder.insider.ask('readDesktop', { params: { desktopId } });
    const asked = await Promise.all(racers.map((racer) => acquired(racer, desktopId)));
    const won = asked.filter((answer) => 'epoch' in answer);
    const [winner] = won;
    if (winner === undefined || won.length !== 1) violations.push(`${won.length} of ${count} hosts got the desktop at once`);
    else if (winner.epoch !== before.epoch + 1) violations.push(`epoch ${winner.epoch} comes after ${before.epoch}`);
    const others = asked.filter((answer) => !('epoch' in answer) && answer.code !== 'DESKTOP_HELD_ELSEWHERE');
    for (const other of others) violations.push(`who lost was told ${'code' in other ? other.code : ''}`);
    for (const { racer, epoch } of won) await racer.insider.ask('releaseDesktop', { params: { desktopId }, body: { epoch } });
  }
  return { ends: ['goes-on'], violations };
}

async function acquired(racer: Racer, desktopId: DesktopId): Promise<{ racer: Racer; epoch: number } | { code: string }> {
  try {
    const { epoch } = await racer.insider.ask('acquireDesktop', { params: { desktopId }, body: {} });
    return { racer, epoch };
  } catch (error) {
    return { code: Fault.from(error).code };
  }
}

/** The answer to a take-over, or its request, is lost, doubled or late: repeating it means the same. */
const spoiltTakeOvers: readonly Toxic[] = [{ kind: 'lost-answer' }, { kind: 'duplicate' }, { kind: 'delay', requestMs: 0, answerMs: 20_000 }];

async function spoilTakeOver(stage: Stage, toxic: Toxic): Promise<Happened> {
  const [old, next] = [stage.holder, stage.other()];
  old.proxy.cut('both', 'reset');
  const seen = await tickOf(old.host, stage.desktop);
  void next.proxy.next('takeOverDesktop', toxic);
  const outcome = await outcomeOf(takenOver(stage, next));
  await old.proxy.heal();
  // Nobody knows whether it happened only where the command says so; else the copy is one that was left behind.
  return outcome === 'done' ? { ends: ['from-checkpoint'], leftBehind: { actor: old, seen } } : { ends: ['from-checkpoint', 'goes-on'], unknownOutcomes: unknownIn(outcome), spent: true };
}

const hostCounts = [2, 3, 5, 8] as const;

export const ownershipFaults: readonly RealFault[] = [
  {
    name: 'acquire-at-once', row: tableB.races, does: `${hostCounts.join(', ')} hosts acquire a free desktop at the same instant, five times, each with its own keys`, quickRuns: 1, fullRuns: 12,
    run: (stage, random, run, runs) => acquireAtOnce(stage, runs < hostCounts.length ? 8 : variant(hostCounts, random, run, runs), 5),
  },
  { name: 'take-over-uploading', row: tableB.races, does: 'its user takes the desktop over while the old holder uploads it', quickRuns: 1, fullRuns: 6, run: (stage) => takeOverWhileUploading(stage) },
  { name: 'take-over-out-of-reach', row: tableB.cutOff, does: 'its user takes the desktop over while the holder is cut off and runs on; then the holder comes back', quickRuns: 1, fullRuns: 8, run: takeOverOutOfReach },
  {
    name: 'take-over-reply', row: tableB.reply, does: 'the answer to a take-over is lost, comes twice, or twenty seconds late', quickRuns: 1, fullRuns: 6,
    run: (stage, random, run, runs) => spoilTakeOver(stage, variant(runs < 3 ? spoiltTakeOvers.slice(0, 2) : spoiltTakeOvers, random, run, runs)),
  },
  { name: 'strict-cut-off', row: tableB.cutOff, does: 'the holder of a strict desktop is cut off: paused, then dead, and only after term and margin taken over', quickRuns: 0, fullRuns: 3, wish: { offline: 'stop' }, run: cutOffStrict },
  { name: 'revoke-suspending', row: tableB.revoke, does: 'the holder is revoked while it suspends', quickRuns: 1, fullRuns: 6, run: revokeWhileSuspending },
];
