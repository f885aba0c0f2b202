import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Fault, type DesktopId } from '@godwit/base';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';
import type { DesktopHome } from '../home.ts';
import { contractSchema } from '../machine/contract.ts';

/**
 * What this host knows of one desktop that it holds: a small file, replaced whole, fsynced. It names the disk chain and
 * the checkpoint that the chain stands on, so it is written before anything that it describes becomes true for good.
 */
const diskSchema = z.strictObject({
  /** The chain in files of the machine's folder, bottom first; the last is the one the guest writes to. */
  layers: z.array(z.strictObject({ file: z.string().regex(/^[a-z0-9.-]{1,64}$/), format: z.enum(['qcow2', 'raw']) })).min(1).max(64),
  /** So many layers from the bottom are in the base checkpoint; those above are not yet anywhere else. */
  committedLayers: z.int().min(0),
});

/** What asking about a commit again takes. */
const sentCommitSchema = z.strictObject({ commitId: z.string().regex(/^[0-9a-f]{32}$/), manifest: z.string(), sequence: z.int(), digest: z.string() });

const recordSchema = z.strictObject({
  version: z.literal(1),
  desktopId: z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as DesktopId),
  name: z.string(),
  epoch: z.int().min(1),
  contract: contractSchema,
  /** The checkpoint that the chain and the page digests stand on; null before the first. */
  base: z.strictObject({ sequence: z.int().min(1), digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }).nullable(),
  disks: z.array(diskSchema),
  /** The next layer's number: names are never used twice. */
  nextLayer: z.int().min(0),
  /** The QEMU that runs it, to be found again by an agent that starts anew. */
  machine: z.strictObject({ pid: z.int(), startTicks: z.string() }).nullable(),
  /**
   * settled: everything the machine needs is here. arriving: it still depends on pages that only the store has, and is
   * worth nothing without the agent that feeds it; without a base it is being made. committing: a commit was sent and its outcome is not known.
   * saved: its memory is in a checkpoint on this machine only (`saved`), and waits for the store. left: it was taken over elsewhere, and
   * becomes a desktop of its own (`left`).
   */
  stage: z.enum(['settled', 'arriving', 'committing', 'saved', 'left']),
  /** With `committing`: the commit to ask about again. */
  commit: sentCommitSchema.nullable(),
  /**
   * A checkpoint of the guest as it went on running, whose commit was sent and whose outcome is not known: it gives nothing up, so the guest
   * runs on meanwhile, and nothing else is committed before it is known. `committedLayers`: what they become for each disk if it is.
   */
  pending: sentCommitSchema.extend({ committedLayers: z.array(z.int().min(0)) }).nullable().default(null),
  /** False: made here, and nobody knows whether the coordinator was told. */
  announced: z.boolean().default(true),
  /** Under which this host holds it: whether it may run without word from the coordinator. */
  offline: z.enum(['keep', 'stop']).default('keep'),
  /** When the policy that this host knows was signed, 0 without one: an older one is refused. */
  offlineSignedMs: z.int().min(0).default(0),
  /** The guest was paused because the machine was about to sleep, and nobody has asked for its epoch since. */
  asleep: z.boolean().default(false),
  /** With `saved`: the checkpoint that lies in the desktop's `saved` folder, under a key of its own. */
  saved: z
    .strictObject({
      /** Stands for the desktop in everything that was sealed: its keys have nothing to do with the desktop's own. */
      localId: z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as DesktopId),
      generation: z.int().min(1),
      /** The local key under the account key of that generation, base64url. */
      wrappedKey: z.string(),
      manifest: z.string(),
      savedMs: z.int().min(0),
    })
    .nullable()
    .default(null),
  /** With `left`: what it becomes. Written before the coordinator is told, so that asking again means the same. */
  left: z
    .strictObject({
      desktopId: z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as DesktopId),
      name: z.string(),
      commitId: z.string().regex(/^[0-9a-f]{32}$/),
      /** Who has the desktop now, and in which epoch, as far as it was told. */
      takenBy: z.string().nullable(),
      takenEpoch: z.int().min(1).nullable(),
    })
    .nullable()
    .default(null),
});

export type DesktopRecord = z.infer<typeof recordSchema>;
export type SentCommit = z.infer<typeof sentCommitSchema>;
/** Of a record that begins: held as any desktop is, with nothing saved or left. */
export const keptHere = { pending: null, announced: true, offline: 'keep', offlineSignedMs: 0, asleep: false, saved: null, left: null } as const satisfies Partial<DesktopRecord>;
export type DiskRecord = DesktopRecord['disks'][number];

export async function saveRecord(home: DesktopHome, record: DesktopRecord): Promise<void> {
  await writeDurably(home.recordFile, textOf(record));
}

function textOf(record: DesktopRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/** Whether the file says what `record` says: after a write that failed. */
export async function holdsRecord(home: DesktopHome, record: DesktopRecord): Promise<boolean> {
  try {
    return (await readFile(home.recordFile, 'utf8')) === textOf(record);
  } catch {
    return false; // It cannot be read, so nobody knows.
  }
}

/** Removes a desktop's folder, its record last: what is left of it half-way still says what it was. */
export async function removeFolder(home: DesktopHome): Promise<void> {
  if (!existsSync(home.directory)) return;
  const record = basename(home.recordFile);
  for (const name of await readdir(home.directory)) if (name !== record) await rm(join(home.directory, name), { recursive: true, force: true });
  await rm(home.directory, { recursive: true, force: true });
}

/** Undefined where there is none. Throws RECORD_DAMAGED, and never guesses, on one that cannot be read. */
export async function loadRecord(home: DesktopHome): Promise<DesktopRecord | undefined> {
  if (!existsSync(home.recordFile)) return undefined;
  try {
    return recordSchema.parse(JSON.parse(await readFile(home.recordFile, 'utf8')));
  } catch (error) {
    throw new Fault('RECORD_DAMAGED', { subject: home.recordFile, cause: error });
  }
}
