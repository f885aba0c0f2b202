import { readFile } from 'node:fs/promises';
import { Fault, type Log } from '@godwit/base';
import type { CheckpointReader, CheckpointWriter } from '@godwit/snapshot';
import { writeDurably } from '../durable-file.ts';
import { encodeWorkingSetRegion, workingSetRegionOf } from '../machine/state-region.ts';
import { decodeWorkingSet, encodeWorkingSet, groupsOf, workingSetBytesMax, type WorkingPage } from './working-set.ts';

/** The working set of a desktop that is here: it travels in a region of its own of each checkpoint, and lies in a file beside the record meanwhile. */
export interface KeptWorkingSet {
  readonly bytes: Buffer;
  /** Digest of a checkpoint that holds these bytes: one that follows it shares them. */
  readonly storedIn: string | undefined;
}

/** A desktop that is here, as far as its working set goes. */
export interface SetHolder {
  readonly home: { readonly workingSetFile: string };
  workingSet: KeptWorkingSet | undefined;
}

/** What the checkpoint says; nothing for one without, and for one that cannot be read: it makes a resume faster, and never fails one. */
export async function readWorkingSet(reader: CheckpointReader, log: Log): Promise<{ kept: KeptWorkingSet; pages: WorkingPage[] } | undefined> {
  const region = workingSetRegionOf(reader.regions);
  if (region === undefined || region.lengthBytes > workingSetBytesMax) return undefined;
  try {
    const bytes = await reader.readRegion(region.id);
    return { pages: decodeWorkingSet(bytes), kept: { bytes, storedIn: reader.manifest.digest.toString('base64url') } };
  } catch (error) {
    log.warn('working-set-not-read', { error });
    return undefined;
  }
}

/** From now on this is the working set; the file is for an agent that starts anew. */
export async function keepWorkingSet(desktop: SetHolder, pages: readonly WorkingPage[]): Promise<void> {
  const bytes = encodeWorkingSet(pages);
  if (desktop.workingSet?.bytes.equals(bytes) !== true) desktop.workingSet = { bytes, storedIn: undefined };
  await writeDurably(desktop.home.workingSetFile, bytes);
}

/** Puts it into the next checkpoint and gives what it put; costs nothing where the one before (`baseDigest`) holds the same. */
export async function putWorkingSet(desktop: SetHolder, writer: CheckpointWriter, baseDigest: string | undefined): Promise<KeptWorkingSet | undefined> {
  await knowWorkingSet(desktop);
  const kept = desktop.workingSet;
  if (kept === undefined) return undefined;
  const { region, pages, bytes } = encodeWorkingSetRegion(kept.bytes);
  writer.addRegion(region);
  if (baseDigest === undefined || kept.storedIn !== baseDigest) await writer.putPages(region.id, pages, bytes);
  return kept;
}

/** What an agent that started anew finds of it in the file. */
export async function knowWorkingSet(desktop: SetHolder): Promise<void> {
  desktop.workingSet ??= await fromFile(desktop);
}

/** By region the groups in which the next checkpoint writes its pages, where it writes them. */
export function togetherOf({ workingSet }: SetHolder): Map<number, number[][]> {
  return groupsOf(workingSet === undefined ? [] : decodeWorkingSet(workingSet.bytes));
}

async function fromFile(desktop: SetHolder): Promise<KeptWorkingSet | undefined> {
  try {
    const bytes = await readFile(desktop.home.workingSetFile);
    decodeWorkingSet(bytes);
    return { bytes, storedIn: undefined };
  } catch (error) {
    // None there, or not one: it is recorded anew at the next arrival.
    if (error instanceof Fault || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return undefined;
    throw error;
  }
}
