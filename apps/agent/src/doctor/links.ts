import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, type Clock } from '@godwit/base';
import { packKeyOf, splitManifest } from '@godwit/snapshot';
import { bytesOf, routes } from '@godwit/wire';
import { storeItself, type Host } from '../desktop/host.ts';

/** Measures what the doctor tells: the disk, the way to the coordinator, the way to the store. */

export interface CoordinatorLink {
  /** The quickest of some answers. */
  readonly roundTripMs: number;
  /** How far this machine's clock is ahead of the coordinator's; the coordinator tells whole seconds. */
  readonly aheadMs: number;
}

export interface StoreLink {
  readonly roundTripMs: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

const looks = 3;
const answerMs = 5_000;
const sampleBytes = 4 * 2 ** 20;
const writtenBytes = 16 * 2 ** 20;

/** Throws COORDINATOR_UNREACHABLE. Asks what needs no signature: a clock that is wrong must not hide behind a refused one. */
export async function measureCoordinator(url: string, clock: Clock): Promise<CoordinatorLink> {
  let best: CoordinatorLink | undefined;
  for (let look = 0; look < looks; look += 1) {
    const startedMs = clock.workMs();
    const saidMs = await dateOf(url);
    const roundTripMs = clock.workMs() - startedMs;
    // A date without its milliseconds is half a second behind on average, and its answer took half of the way.
    const aheadMs = clock.wallMs() - roundTripMs / 2 - (saidMs + 500);
    if (best === undefined || roundTripMs < best.roundTripMs) best = { roundTripMs, aheadMs };
  }
  return best!;
}

async function dateOf(url: string): Promise<number> {
  try {
    const response = await fetch(new URL(routes.healthz.path, url), { method: routes.healthz.method, redirect: 'error', signal: AbortSignal.timeout(answerMs) });
    await response.arrayBuffer();
    const saidMs = Date.parse(response.headers.get('date') ?? '');
    if (!response.ok || Number.isNaN(saidMs)) throw new Fault('COORDINATOR_ANSWER_REFUSED', { subject: url, expected: 'a Godwit coordinator' });
    return saidMs;
  } catch (error) {
    throw error instanceof Fault ? error : new Fault('COORDINATOR_UNREACHABLE', { subject: url, cause: error });
  }
}

/** Reads the beginning of a pack of a desktop of the account, past the cache. Throws what the store throws. */
export async function measureStore(host: Host): Promise<StoreLink | undefined> {
  const { account: { coordinator }, clock } = host;
  const { desktops } = await coordinator.call('listDesktops', {});
  const [saved] = desktops.flatMap(({ desktopId, epoch, head }) => (head === null ? [] : [{ desktopId, epoch, sequence: head.sequence }]));
  if (saved === undefined) return undefined;
  const { manifest } = await coordinator.call('readManifest', { params: { desktopId: saved.desktopId, sequence: String(saved.sequence) } });
  const [pack] = splitManifest(bytesOf(manifest)).public.packs.toSorted((a, b) => b.lengthBytes - a.lengthBytes);
  if (pack === undefined) return undefined;
  const store = storeItself(host, saved.desktopId, saved.epoch);
  const key = packKeyOf(pack);
  const read = async (lengthBytes: number): Promise<number> => {
    const startedMs = clock.workMs();
    await store.get(key, { offsetBytes: 0, lengthBytes });
    return clock.workMs() - startedMs;
  };
  await read(1); // Its URL is minted now.
  const roundTripMs = await read(1);
  const bytes = Math.min(pack.lengthBytes, sampleBytes);
  return { roundTripMs, bytes, bytesPerSecond: bytes / Math.max(await read(bytes), 1) * 1000 };
}

/** Bytes a second that are written and kept (fsync) below `directory`. */
export async function measureDisk(directory: string, clock: Clock): Promise<number> {
  const path = join(directory, 'doctor-write');
  const file = await open(path, 'w', 0o600);
  try {
    const chunk = Buffer.alloc(writtenBytes / 16, 0x47);
    const startedMs = clock.workMs();
    for (let written = 0; written < writtenBytes; written += chunk.length) await file.write(chunk);
    await file.sync();
    return writtenBytes / Math.max(clock.workMs() - startedMs, 1) * 1000;
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}
