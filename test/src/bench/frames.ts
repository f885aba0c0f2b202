/**
 * `npm run bench:frames -- [--mib N] [--work-ms MS] [--json FILE]`: what frames of several sizes come to with several levels of zstd, over pages of
 * a real guest, pages that changed in it, and pages as a desktop has them: bytes, CPU time, and how long a page fault waits for one on a link.
 * Speeds are per second of CPU time of one thread, so that other work on the machine shows less.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { table } from '@godwit/agent';
import { desktopContent, guestContents, type FrameContent } from './frame-content.ts';
import { describeMachine } from './machine.ts';

const { values } = parseArgs({ options: { mib: { type: 'string', default: '64' }, 'work-ms': { type: 'string', default: '10000' }, json: { type: 'string' } } });
const mostBytes = Number(values.mib) * 2 ** 20;
const frameSizes = [64, 128, 256, 512].map((kib) => kib * 1024);
/** -1 is left out: Node hands it to zstd as "the default", which is 3. */
const levels = [-3, 1, 2, 3, 6];
/** Bits per second and ms for a round trip. */
const links = [{ name: '1 Gbit/s, 1 ms', rateBits: 1e9, roundTripMs: 1 }, { name: '100 Mbit/s, 20 ms', rateBits: 1e8, roundTripMs: 20 }, { name: '20 Mbit/s, 60 ms', rateBits: 2e7, roundTripMs: 60 }] as const;

interface FrameCost {
  readonly content: string;
  readonly plainBytes: number;
  readonly frameKiB: number;
  readonly level: number;
  /** Each frame compressed, or as it is where that is smaller. */
  readonly storedBytes: number;
  readonly compressMegabytesPerSecond: number;
  readonly decompressMegabytesPerSecond: number;
  /** In the order of {@link links}: a round trip, the bytes of a mean frame, opening it. */
  readonly faultMs: readonly number[];
}

function cpuMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function costOf({ name, pages }: FrameContent, frameBytes: number, level: number): FrameCost {
  const frames = Array.from({ length: Math.ceil(pages.length / frameBytes) }, (_, at) => pages.subarray(at * frameBytes, (at + 1) * frameBytes));
  let compressed: Buffer[] = [];
  // As libs/snapshot/src/compression.ts does it.
  const compressMs = cpuMs(() => (compressed = frames.map((frame) => zstdCompressSync(frame, { params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1 }, pledgedSrcSize: frame.length, chunkSize: frame.length }))));
  const smaller = compressed.flatMap((bytes, at) => (bytes.length < frames[at]!.length ? [{ bytes, plainBytes: frames[at]!.length }] : []));
  const decompressMs = cpuMs(() => { for (const { bytes, plainBytes } of smaller) zstdDecompressSync(bytes, { chunkSize: plainBytes }); });
  const decompressedBytes = smaller.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
  const storedBytes = compressed.reduce((sum, bytes, at) => sum + Math.min(bytes.length, frames[at]!.length), 0);
  const meanBytes = storedBytes / frames.length;
  const openMs = decompressMs / frames.length;
  return {
    content: name, plainBytes: pages.length, frameKiB: frameBytes / 1024, level, storedBytes,
    compressMegabytesPerSecond: Math.round(pages.length / 1000 / compressMs),
    decompressMegabytesPerSecond: Math.round(decompressedBytes / 1000 / Math.max(decompressMs, 0.001)),
    faultMs: links.map(({ rateBits, roundTripMs }) => Math.round((roundTripMs + (meanBytes * 8000) / rateBits + openMs) * 10) / 10),
  };
}

const contents = [...(await guestContents(Number(values['work-ms']), mostBytes)), desktopContent(mostBytes)];
const rows: FrameCost[] = [];
for (const content of contents) {
  if (content.pages.length === 0) continue;
  // What the first calls of a process pay for is nobody's in particular.
  costOf({ name: '', pages: content.pages.subarray(0, 2 ** 22) }, frameSizes[0]!, 1);
  for (const frameBytes of frameSizes) for (const level of levels) rows.push(costOf(content, frameBytes, level));
}
const lines = rows.map((row) => [row.content, `${(row.plainBytes / 1e6).toFixed(1)} MB`, `${row.frameKiB}`, `${row.level}`, `${((row.storedBytes / row.plainBytes) * 100).toFixed(1)} %`, `${row.compressMegabytesPerSecond}`, `${row.decompressMegabytesPerSecond}`, ...row.faultMs.map((ms) => `${ms}`)]);
process.stdout.write(`${table([['PAGES', 'OF', 'FRAME KiB', 'LEVEL', 'BYTES', 'MB/s IN', 'MB/s OUT', ...links.map(({ name }) => `FAULT ms ${name}`)], ...lines], ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'])}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine: describeMachine(), rows }, undefined, 2)}\n`);
