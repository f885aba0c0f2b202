import { limits, locatePage, type CheckpointReader } from '@godwit/snapshot';
import { frameName } from './live-frames.ts';
import type { WorkingPage } from '../working-set/working-set.ts';

const { leafPages } = limits;
/** A frame with so many pages of the set is worth its fetch: a quarter of a full one. */
const gatheredPages = 16;
/** What a frame costs beside its bytes: a request, opening it, sending its pages. 136 of them took 0.35 s on a line that carries 100 MB/s. */
const frameMs = 2;
/** To write pages anew costs an upload, once: not where the frames around them come within this. */
const worthMs = 100;
/** Bounds what one checkpoint writes for that: 8 MiB of pages. */
const scatteredPagesMax = 2048;

/**
 * The pages of the set, by region, that the next checkpoint should write together although they did not change: they lie among others, a few in each frame, and on this
 * line (`bytesPerMs`; undefined: not measured, only the number of frames counts) it takes long to fetch all that.
 */
export async function planScattered(reader: CheckpointReader, set: readonly WorkingPage[], bytesPerMs: number | undefined): Promise<ReadonlyMap<number, Uint32Array>> {
  const frames = new Map<string, { readonly sealedBytes: number; readonly pages: WorkingPage[] }>();
  for (const found of set) {
    if (reader.region(found.regionId).kind !== 'ram') continue;
    const place = locatePage(await reader.leaf(found.regionId, Math.floor(found.page / leafPages)), found.page);
    if (place === undefined) continue;
    const name = frameName(place.frame);
    const frame = frames.get(name) ?? { sealedBytes: place.frame.sealedBytes, pages: [] };
    frame.pages.push(found);
    frames.set(name, frame);
  }
  const loose = [...frames.values()].filter(({ pages }) => pages.length < gatheredPages);
  const looseBytes = loose.reduce((sum, { sealedBytes }) => sum + sealedBytes, 0);
  const byRegion = new Map<number, number[]>();
  if (loose.length * frameMs + (bytesPerMs === undefined ? 0 : looseBytes / bytesPerMs) < worthMs) return new Map();
  for (const { regionId, page } of loose.flatMap(({ pages }) => pages).slice(0, scatteredPagesMax)) byRegion.set(regionId, [...(byRegion.get(regionId) ?? []), page]);
  return new Map([...byRegion].map(([regionId, pages]) => [regionId, Uint32Array.from(pages)]));
}
