import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@godwit/base';
import { decodeManifestPublic, manifestKeyOf, packKeyOf, parseObjectKey } from '@godwit/snapshot';
import { bytesOf, type Checkpoint, type Desktop } from '@godwit/wire';
import { parseTick, waitForTick, type GuestTick } from '../house/guest.ts';
import type { Happened } from './fault.ts';
import { unsyncedTicks, type Actor, type Stage } from './stage.ts';

/**
 * What has to hold after every run, whatever was done: one line of checkpoints; nothing that was acknowledged is lost; one machine ran at
 * most, or the older one ended as a desktop of its own; no object that nothing needs; the data is whole; the audit log verifies. That the
 * guest goes on, with its own sums, and in time, is asked before by `Stage.recover`.
 */

/** Grace time, two rounds of upkeep, and a busy machine. */
const orphanMs = 45_000;
const forkMs = 60_000;

export async function askOracles(stage: Stage, { leftBehind }: Happened): Promise<string[]> {
  const mayOverlap = leftBehind?.seen !== undefined;
  const forked = leftBehind?.seen === undefined ? [] : await asksForFork(stage, leftBehind.actor, leftBehind.seen);
  // Only now: until it has learned that it was left behind the copy runs too, and that must not be held against the next run.
  const overlaps = stage.watch.takeOverlaps();
  const ran = mayOverlap ? [] : overlaps.map(({ hosts, overlapMs }) => `two machines ran for ${overlapMs} ms, on ${hosts.join(' and ')}`);
  const answers = await Promise.all([oneLine(stage), audited(stage), verified(stage)]);
  return [...ran, ...forked, ...answers.flat(), ...machinesLeft(stage, mayOverlap ? undefined : leftBehind?.actor)];
}

/** Every desktop's line, from its head down, and the objects of all of them. */
async function oneLine(stage: Stage): Promise<string[]> {
  const { insider, name: holder } = stage.holder;
  const { desktops } = await insider.ask('listDesktops');
  const wrong: string[] = [];
  const needed = new Set<string>();
  const owner = desktops.find(({ name }) => name === stage.desktop)?.owner?.name;
  if (owner !== holder) wrong.push(`${holder} runs the desktop, and the coordinator says that ${owner ?? 'nobody'} has it`);
  for (const desktop of desktops) {
    const line = await lineOf(stage, desktop);
    wrong.push(...stage.memory.line(desktop, line));
    if ((line[0]?.digest ?? null) !== (desktop.head?.digest ?? null)) wrong.push(`the head of ${desktop.name} is not the newest of its line`);
    for (const { sequence } of line) for (const key of await objectsOf(stage, desktop, sequence)) needed.add(key);
  }
  return [...wrong, ...orphans(stage, desktops, needed)];
}

async function lineOf({ holder }: Stage, { desktopId }: Desktop): Promise<Checkpoint[]> {
  const line: Checkpoint[] = [];
  for (;;) {
    const before = line.at(-1)?.sequence;
    const { checkpoints } = await holder.insider.ask('listCheckpoints', { params: { desktopId }, query: before === undefined ? {} : { before: String(before) } });
    line.push(...checkpoints);
    if (checkpoints.length === 0) return line;
  }
}

/** None of one that its policy dropped since the line was read. */
async function objectsOf(stage: Stage, desktop: Desktop, sequence: number): Promise<string[]> {
  const { desktopId } = desktop;
  try {
    const { manifest } = await stage.holder.insider.ask('readManifest', { params: { desktopId, sequence: String(sequence) } });
    const known = decodeManifestPublic(bytesOf(manifest));
    return [manifestKeyOf(known), ...known.packs.map((pack) => packKeyOf(pack))];
  } catch (error) {
    const dropped = Fault.from(error).code === 'CHECKPOINT_NOT_FOUND' && !(await lineOf(stage, desktop)).some((checkpoint) => checkpoint.sequence === sequence);
    if (!dropped) throw error;
    return [];
  }
}

/** Files in the store that no checkpoint needs, of epochs in which nobody can commit any more. */
function orphans({ house, memory }: Stage, desktops: readonly Desktop[], needed: ReadonlySet<string>): string[] {
  const held = new Map(desktops.filter(({ owner }) => owner !== null).map(({ desktopId, epoch }) => [desktopId as string, epoch]));
  const left = readdirSync(house.objectsDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[pm]-/.test(entry.name))
    .map((entry) => relative(house.objectsDirectory, join(entry.parentPath, entry.name)).split('/').slice(1).join('/'))
    .filter((key) => {
      const place = parseObjectKey(key);
      return !needed.has(key) && (place === undefined || held.get(place.desktopId) !== place.epoch);
    });
  return memory.overdue(left, performance.now(), orphanMs).map((file) => `nothing needs ${file}, and it is not collected`);
}

/** At the end of a stage: all that nothing needs is gone in time. */
export async function waitForCollection(stage: Stage): Promise<string[]> {
  const endMs = performance.now() + orphanMs + 5_000;
  for (;;) {
    const wrong = await oneLine(stage);
    if (wrong.length > 0 || performance.now() > endMs) return wrong;
    if (stage.memory.orphanCount === 0) return [];
    await sleep(1_000);
  }
}

async function audited({ holder }: Stage): Promise<string[]> {
  const { good, findings } = await holder.host.call('audit', {});
  return good ? [] : findings.map((finding) => `godwit audit: ${finding}`);
}

async function verified({ desktop, holder }: Stage): Promise<string[]> {
  const { good, missing, damaged } = await holder.host.call('verify', { name: desktop, data: true });
  return good ? [] : [`godwit verify --data: ${missing.length} missing, ${damaged.map(({ subject, code }) => `${subject} ${code}`).join(', ')}`];
}

/** A machine on a host that does not say that the desktop is there runs behind everybody's back. */
function machinesLeft({ watch, actors, holder }: Stage, standsStill: Actor | undefined): string[] {
  return watch
    .machines()
    .filter(({ host, pid }) => host !== holder.name && (host !== standsStill?.name || watch.runs(pid)) && actors.some(({ name }) => name === host))
    .map(({ pid, host }) => `process ${pid} on ${host} is a machine, and ${holder.name} has the desktop`);
}

/** The copy left behind ends as a desktop of its own, and that goes on from where the copy was; or from its disk, if its machine had ended. */
async function asksForFork(stage: Stage, actor: Actor, seen: GuestTick): Promise<string[]> {
  const fork = await waitForFork(stage, actor);
  if (fork === undefined) return [`the copy left behind on ${actor.name} is no desktop of its own ${forkMs / 1000} s later`];
  stage.memory.forks.add(fork.name);
  const { name } = fork;
  if (fork.stopped) await actor.host.call('start', { name });
  else await actor.host.call('resume', { name, eager: false, wait: true });
  await waitForTick(actor.host, name, () => true, 60_000);
  const [first] = (await actor.host.consoleLines(name, 100)).map(parseTick).filter((tick) => tick !== undefined);
  await actor.host.call('stop', { name, force: true });
  const least = seen.counter - (fork.stopped ? unsyncedTicks : 0);
  return first !== undefined && first.counter >= least && first.memoryOk && first.diskOk ? [] : [`${name} is at ${JSON.stringify(first)}, its copy was seen at ${JSON.stringify(seen)}`];
}

/** It is in the store and free, or stopped on its host; before that it is free for a moment too, with nothing of the copy in it. */
async function waitForFork({ holder, memory, desktop }: Stage, actor: Actor): Promise<{ readonly name: string; readonly stopped: boolean } | undefined> {
  const endMs = performance.now() + forkMs;
  while (performance.now() < endMs) {
    const { desktops } = await holder.insider.ask('listDesktops');
    const fork = desktops.find(({ name }) => name.startsWith(`${desktop}.left-`) && !memory.forks.has(name));
    const leaving = (await actor.host.call('status', { name: null })).desktops.some(({ state }) => state === 'left');
    if (leaving) {
      await sleep(500);
      continue;
    }
    if (fork?.owner === null && fork.head !== null) return { name: fork.name, stopped: false };
    if (fork?.owner?.name === actor.name) {
      const [status] = (await actor.host.call('status', { name: fork.name })).desktops;
      if (status?.state === 'stopped') return { name: fork.name, stopped: true };
    }
    await sleep(500);
  }
  return undefined;
}
