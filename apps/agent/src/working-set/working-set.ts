import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import { limits } from '@godwit/snapshot';

const { framePagesMax } = limits;

/** One page of a region of the checkpoint: of RAM or of a disk. */
export interface WorkingPage {
  readonly regionId: number;
  readonly page: number;
}

/** 36 MiB of RAM or 1,024 clusters of disk at the most: what a guest needs first, not all that it has. */
export const workingPagesMax = 9216;
const magic = 0x47_57_57_53; // "GWWS"
const version = 1;
const headBytes = 4 + 2 + 4;
const runBytes = 2 + 4 + 2;
const runPagesMax = 0xffff;
export const workingSetBytesMax = headBytes + workingPagesMax * runBytes;

/** Each has a frame that fills while a checkpoint is taken. */
const groupsMax = 8;

/** Of those that were sent unasked, one in so many is held back at an arrival: a page that nobody asks for any more leaves the set. */
const probeShare = 32;

interface Run {
  readonly regionId: number;
  readonly first: number;
  count: number;
}

/** magic u32, version u16, count of runs u32; per run: region u16, first page u32, count of pages u16, from 1. Runs are as long as they can be. */
export function encodeWorkingSet(pages: readonly WorkingPage[]): Buffer {
  if (pages.length > workingPagesMax) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `a working set of at most ${workingPagesMax} pages`, found: `${pages.length}` });
  const runs: Run[] = [];
  for (const { regionId, page } of pages) {
    const last = runs.at(-1);
    if (last !== undefined && goesOn(last, regionId, page)) last.count += 1;
    else runs.push({ regionId, first: page, count: 1 });
  }
  const writer = new ByteWriter(headBytes + runs.length * runBytes).u32(magic).u16(version).u32(runs.length);
  for (const { regionId, first, count } of runs) writer.u16(regionId).u32(first).u16(count);
  return writer.finish();
}

/** In the order in which they were needed, each once. VALUE_OUT_OF_RANGE or BYTES_TRUNCATED unless `bytes` is what `encodeWorkingSet` makes. */
export function decodeWorkingSet(bytes: Buffer): WorkingPage[] {
  const refuse = (expected: string, found: string): never => {
    throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'working set', expected, found });
  };
  if (bytes.length > workingSetBytesMax) refuse(`at most ${workingSetBytesMax} bytes`, `${bytes.length}`);
  const reader = new ByteReader(bytes);
  if (reader.u32() !== magic || reader.u16() !== version) refuse('a working set of version 1', bytes.toString('hex', 0, 6));
  const runCount = reader.u32();
  if (reader.remainingBytes !== runCount * runBytes) refuse(`${runCount} runs`, `${reader.remainingBytes} bytes`);
  const pages: WorkingPage[] = [];
  let last: Run | undefined;
  for (let index = 0; index < runCount; index += 1) {
    const run: Run = { regionId: reader.u16(), first: reader.u32(), count: reader.u16() };
    if (run.count === 0 || run.first + run.count > 2 ** 32) refuse('a run of pages', `${run.count} from ${run.first}`);
    if (pages.length + run.count > workingPagesMax) refuse(`at most ${workingPagesMax} pages`, `${pages.length + run.count}`);
    if (last !== undefined && goesOn(last, run.regionId, run.first)) refuse('runs as long as they can be', `one that goes on at ${run.first}`);
    for (let page = run.first; page < run.first + run.count; page += 1) pages.push({ regionId: run.regionId, page });
    last = run;
  }
  if (new Set(pages.map(nameOf)).size !== pages.length) refuse('each page once', 'a page twice');
  return pages;
}

/** Whether `page` is held back at the arrival that began `epoch`, to see whether the guest still asks for it. */
export function isProbed({ page }: WorkingPage, epoch: number): boolean {
  return page % probeShare === epoch % probeShare;
}

/**
 * The set after an arrival: what was sent unasked in its old order, without the probed pages that nobody asked for, then what was asked for
 * beside it. At most `workingPagesMax`; the last ones are left out.
 */
export function mergeWorkingSet(before: readonly WorkingPage[], asked: readonly WorkingPage[], epoch: number): WorkingPage[] {
  const wanted = new Set(asked.map(nameOf));
  const kept = before.filter((page) => !isProbed(page, epoch) || wanted.has(nameOf(page)));
  const known = new Set(kept.map(nameOf));
  return [...kept, ...asked.filter((page) => !known.has(nameOf(page)))].slice(0, workingPagesMax);
}

/**
 * By region its pages in groups, those of the first needed before those of the second. Pages of a group are written together, in the order in which a
 * checkpoint finds them, so groups are what is left of the order in which they are needed. At most `groupsMax`, and one for each region more.
 */
export function groupsOf(set: readonly WorkingPage[]): Map<number, number[][]> {
  const byRegion = new Map<number, number[]>();
  for (const { regionId, page } of set) {
    const pages = byRegion.get(regionId);
    if (pages === undefined) byRegion.set(regionId, [page]);
    else pages.push(page);
  }
  return new Map(
    [...byRegion].map(([regionId, pages]) => {
      const count = Math.max(1, Math.min(Math.floor((groupsMax * pages.length) / set.length), Math.floor(pages.length / framePagesMax)));
      const length = Math.ceil(pages.length / count);
      return [regionId, Array.from({ length: count }, (_, group) => pages.slice(group * length, (group + 1) * length))];
    }),
  );
}

export function nameOf({ regionId, page }: WorkingPage): string {
  return `${regionId}/${page}`;
}

function goesOn({ regionId, first, count }: Run, nextRegionId: number, nextPage: number): boolean {
  return regionId === nextRegionId && first + count === nextPage && count < runPagesMax;
}
