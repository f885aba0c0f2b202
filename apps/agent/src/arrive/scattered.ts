import { limits, locatePage, type CheckpointReader } from '@godwit/snapshot';
import { frameName } from './live-frames.ts';
import type { WorkingPage } from '../working-set/working-set.ts';

const { leafPages } = limits;
/** A frame of which the set has so much is worth its fetch. */
const gatheredShare = 3 / 4;
/** What a frame costs beside its bytes: a request, opening it, sending its pages. 136 of them took 0.35 s on a line that carries 100 MB/s. */
const frameMs = 2;
/** To write pages anew costs an upload, once: not where all that comes along with them comes within this. */
const worthMs = 100;
/** Bounds what one checkpoint writes for that: 16 MiB of pages. */
const scatteredPagesMax = 4096;

/**
 * The pages of the set, by region, that the next checkpoint should write together although they did not change: they lie among others, a few in each frame, and on this
 * line (`bytesPerMs`; undefined: not measured, only the number of frames counts) it takes long to fetch all that.
 */
export async function planScattered(reader: CheckpointReader, set: readonly WorkingPage[], bytesPerMs: number | undefined): Promise<ReadonlyMap<number, Uint32Array>> {
  const loose = (await framesOf(reader, set)).filter(({ pages, slots }) => pages.length < gatheredShare * slots).sort((a, b) => besideBytes(b) - besideBytes(a));
  const beside = loose.reduce((sum, frame) => sum + besideBytes(frame), 0);
  if (loose.length * frameMs + (bytesPerMs === undefined ? 0 : beside / bytesPerMs) < worthMs) return new Map();
  const byRegion = new Map<number, number[]>();
  for (const { regionId, page } of loose.flatMap(({ pages }) => pages).slice(0, scatteredPagesMax)) byRegion.set(regionId, [...(byRegion.get(regionId) ?? []), page]);
  return new Map([...byRegion].map(([regionId, pages]) => [regionId, Uint32Array.from(pages)]));
}

/** A frame, and which pages of it are of the set. */
interface PartlyWanted {
  readonly sealedBytes: number;
  readonly slots: number;
  readonly pages: WorkingPage[];
}

/** What comes along with the pages of the set. */
function besideBytes({ sealedBytes, slots, pages }: PartlyWanted): number {
  return sealedBytes * (1 - pages.length / slots);
}

async function framesOf(reader: CheckpointReader, set: readonly WorkingPage[]): Promise<PartlyWanted[]> {
  const frames = new Map<string, PartlyWanted>();
  for (const found of set) {
    const { kind, pageBytes } = reader.region(found.regionId);
    if (kind !== 'ram') continue;
    const place = locatePage(await reader.leaf(found.regionId, Math.floor(found.page / leafPages)), found.page);
    if (place === undefined) continue;
    const name = frameName(place.frame);
    const frame = frames.get(name) ?? { sealedBytes: place.frame.sealedBytes, slots: Math.floor(place.frame.plainBytes / pageBytes), pages: [] };
    frame.pages.push(found);
    frames.set(name, frame);
  }
  return [...frames.values()];
}
