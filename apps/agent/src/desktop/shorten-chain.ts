import { open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@godwit/base';
import { blockCommit, blockdevDelete, jobCancel, jobDismiss, queryJobs, type Job, type QmpSession } from '@godwit/qemu';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';
import type { DiskRecord } from './record.ts';

/** A run has at most so many layers before it is merged: all but the lowest are copied each time, so a merge of every two would copy the same too often. */
const runLayersMax = 4;
/** The guest's own reads and writes come first; but a run of more than `hurryLayers` was cut off again and again, and has to end. */
const mergeBytesPerSecond = 64 * 2 ** 20;
const hurryLayers = 16;
const unlimited = 0;
const cancelPollMs = 10;
const cancelMs = 20_000;

/** Layers of one disk, bottom first, that are to become the lowest of them. */
export interface Merge {
  readonly disk: number;
  readonly files: readonly string[];
}

/**
 * The runs of layers that are due: of those in a checkpoint, and of those that are in none yet. No run has both: what lies above `committedLayers`
 * is what the next checkpoint sends. `active`: somebody writes to the last layer, which is in no run then. Pure.
 */
export function mergesDue(disks: readonly DiskRecord[], active: boolean): Merge[] {
  return disks.flatMap(({ layers, committedLayers }, disk) => {
    const files = layers.slice(0, active ? -1 : undefined).map(({ file }) => file);
    return [files.slice(0, committedLayers), files.slice(committedLayers)].filter((run) => run.length > runLayersMax).map((run) => ({ disk, files: run }));
  });
}

/** The disks after all layers above `base` up to `top` went into `base`; as they were where they do not name both. Pure. */
export function withoutMerged(disks: readonly DiskRecord[], base: string, top: string): DiskRecord[] {
  return disks.map((disk) => {
    const first = disk.layers.findIndex(({ file }) => file === base) + 1;
    const end = disk.layers.findIndex(({ file }) => file === top) + 1;
    if (first === 0 || end <= first) return disk;
    const committed = Math.max(0, Math.min(end, disk.committedLayers) - first);
    return { layers: disk.layers.toSpliced(first, end - first), committedLayers: disk.committedLayers - committed };
  });
}

/**
 * Merges what is due while the guest runs, by QEMU's `block-commit`. Resolves when that is done, or when an operation that began meanwhile has
 * ended it (`endMerges`), or when it failed, which is logged: then the chain is as it was. Nobody has to wait for it; while there is an operation it
 * does nothing.
 *
 * The lowest layer takes in what the others say, and they say it until the end: at every moment the chain of the record holds everything, whatever dies.
 * QEMU remembers what became of a merge until it may forget it, which is when the record says so.
 */
export async function shortenChain(host: Host, desktop: LocalDesktop): Promise<void> {
  const { machine, operation, record } = desktop;
  if (machine?.qmp.state !== 'ready' || operation !== undefined || record.stage !== 'settled') return;
  const due = mergesDue(record.disks, true);
  if (due.length === 0) return;
  try {
    // Sent before anybody else has a turn: an operation that begins now asks QEMU for its merges after they have begun.
    const merges = await Promise.allSettled(due.map(({ disk, files }) => merge(machine.qmp, record.disks[disk]!.layers.at(-1)!.file, files)));
    await desktop.endMerges(machine.qmp);
    const failed = merges.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  } catch (error) {
    if (desktop.machine === machine) host.log.warn('chain-not-shortened', { desktop: record.desktopId, error });
  }
}

/** Resolves when QEMU has done it, failed, or was told to leave it. Throws where it cannot begin. */
async function merge(qmp: QmpSession, active: string, files: readonly string[]): Promise<void> {
  const id = jobId(files[0]!, files.at(-1)!);
  const never = new AbortController();
  const concluded = qmp.waitFor('JOB_STATUS_CHANGE', ({ data }) => data['id'] === id && data['status'] === 'concluded', { signal: never.signal });
  concluded.catch(() => undefined); // Awaited below where it began; where not, that is what went wrong.
  let failure: string | undefined;
  const forget = qmp.on('BLOCK_JOB_COMPLETED', ({ data }) => {
    if (data['device'] === id && typeof data['error'] === 'string') failure = data['error'];
  });
  try {
    await blockCommit(qmp, { id, active, base: files[0]!, top: files.at(-1)!, bytesPerSecond: files.length > hurryLayers ? unlimited : mergeBytesPerSecond });
    await concluded;
  } finally {
    never.abort();
    forget();
  }
  if (failure !== undefined) throw new Fault('QMP_COMMAND_FAILED', { subject: 'block-commit', found: failure });
}

/** What `LocalDesktop.endMerges` does: merges that still go on are given up. */
export async function endMerges(desktop: LocalDesktop, qmp: QmpSession): Promise<void> {
  for (const { id, error } of await concludedMerges(qmp)) {
    const [, base, top] = id.split('_');
    if (base === undefined || top === undefined || error !== undefined) await jobDismiss(qmp, id);
    else await takeOut(desktop, qmp, { id, base, top });
  }
}

async function concludedMerges(qmp: QmpSession): Promise<Job[]> {
  for (let waitedMs = 0; ; waitedMs += cancelPollMs) {
    const merges = (await queryJobs(qmp)).filter(({ id }) => id.startsWith('merge_'));
    const going = merges.filter(({ status }) => status !== 'concluded');
    if (going.length === 0) return merges;
    if (waitedMs > cancelMs) throw new Fault('QMP_TIMEOUT', { subject: 'job-cancel' });
    // One that ends by itself at this moment cannot be cancelled any more; the next look tells.
    for (const { id } of going) await jobCancel(qmp, id).catch(() => undefined);
    await sleep(cancelPollMs);
  }
}

/** A merge is done: the record first, then QEMU may forget it and close the files, then they go. */
async function takeOut(desktop: LocalDesktop, qmp: QmpSession, { id, base, top }: { id: string; base: string; top: string }): Promise<void> {
  await using lowest = await open(desktop.path(base), 'r');
  await lowest.sync();
  const before = desktop.record.disks;
  await desktop.update(({ disks }) => ({ disks: withoutMerged(disks, base, top) }));
  await jobDismiss(qmp, id);
  const named = new Set(desktop.record.disks.flatMap(({ layers }) => layers.map(({ file }) => file)));
  const merged = before.flatMap(({ layers }) => layers.map(({ file }) => file)).filter((file) => !named.has(file));
  // The upper one first: QEMU does not let go of one that another stands on.
  for (const file of merged.toReversed()) {
    await blockdevDelete(qmp, file);
    await rm(desktop.path(file), { force: true });
  }
}

function jobId(base: string, top: string): string {
  return `merge_${base}_${top}`;
}
