import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { homeAt, loadRecord } from '@godwit/agent';
import type { DesktopId, PackId } from '@godwit/base';
import { planCompaction } from '@godwit/snapshot';
import type { Insider } from '../account/insider.ts';
import type { House, TestHost } from '../house/house.ts';

/** What a desktop takes on its host and in the store. */

/** `st_blocks` counts in these, whatever the file system's own blocks are (stat(2)). */
const statBlockBytes = 512;

export interface LocalSpace {
  /** Of its longest chain, with the layer that the guest writes to. */
  readonly layers: number;
  readonly diskBytes: number;
  readonly agentResidentBytes: number;
}

export async function localSpace(host: TestHost, desktopId: DesktopId): Promise<LocalSpace> {
  const home = homeAt(host.home).desktop(desktopId);
  const record = await loadRecord(home);
  const files = readdirSync(home.machineDirectory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return {
    layers: Math.max(...(record?.disks ?? []).map(({ layers }) => layers.length)),
    diskBytes: files.reduce((sum, { name }) => sum + allocatedBytes(join(home.machineDirectory, name)), 0),
    agentResidentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${host.pid}/status`, 'latin1'))?.[1] ?? 0) * 1024,
  };
}

/** A layer may be merged away between the two looks. */
function allocatedBytes(path: string): number {
  return existsSync(path) ? statSync(path).blocks * statBlockBytes : 0;
}

/** What the newest checkpoint of a desktop needs of the store. */
export interface HeadSpace {
  readonly packIds: ReadonlySet<PackId>;
  readonly packBytes: number;
  /** Of these packs, in pages and page table that this checkpoint uses. */
  readonly liveBytes: number;
  readonly leaves: number;
  /** Of those, in packs that `before` does not need: written by this checkpoint. */
  readonly leavesWritten: number;
  readonly leafBytesWritten: number;
  readonly leafBytes: number;
  readonly rootBytes: number;
  readonly manifestBytes: number;
}

export async function headSpace(insider: Insider, desktop: string, before: ReadonlySet<PackId>): Promise<HeadSpace> {
  const { reader, manifest } = await insider.read(desktop);
  const { bytes, liveBytes } = await planCompaction(reader, Infinity);
  const packIds = new Set(reader.manifest.public.packs.map(({ packId }) => packId));
  const leaves = reader.root.regions.flatMap((region) => region.leaves).filter((leaf) => leaf !== undefined);
  const written = leaves.filter(({ location }) => !before.has(location.packId));
  const sealedBytes = (list: typeof leaves): number => list.reduce((sum, { location }) => sum + location.sealedBytes, 0);
  return {
    packIds, packBytes: bytes, liveBytes, leaves: leaves.length, leavesWritten: written.length, leafBytesWritten: sealedBytes(written), leafBytes: sealedBytes(leaves),
    rootBytes: reader.manifest.private.root.sealedBytes, manifestBytes: manifest.length,
  };
}

/** Everything in the store, of whatever checkpoint. */
export function storedBytes({ objectsDirectory }: House): number {
  const files = readdirSync(objectsDirectory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.includes('.incoming'));
  return files.reduce((sum, { name, parentPath }) => sum + statSync(join(parentPath, name)).size, 0);
}
