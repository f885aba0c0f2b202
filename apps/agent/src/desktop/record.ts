import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
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
   * worth nothing without the agent that feeds it. committing: a commit was sent and its outcome is not known.
   */
  stage: z.enum(['settled', 'arriving', 'committing']),
  /** With `committing`: the commit to ask about again. */
  commit: z.strictObject({ commitId: z.string().regex(/^[0-9a-f]{32}$/), manifest: z.string(), sequence: z.int(), digest: z.string() }).nullable(),
});

export type DesktopRecord = z.infer<typeof recordSchema>;
export type DiskRecord = DesktopRecord['disks'][number];

export async function saveRecord(home: DesktopHome, record: DesktopRecord): Promise<void> {
  await writeDurably(home.recordFile, `${JSON.stringify(record, undefined, 2)}\n`);
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
