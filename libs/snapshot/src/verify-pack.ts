import { Fault } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { DesktopKeys } from './keys.ts';
import { frameHeaderBytes, regionPagesMax } from './limits.ts';
import type { ManifestPack } from './manifest.ts';
import { readPack } from './pack.ts';
import { openFrame, type FooterEntry } from './pack-format.ts';
import { decodePageFrame } from './page-frame.ts';
import { defineRegion, pageBytesOf, type RegionKind } from './region.ts';

export interface WholePack {
  readonly frames: readonly FooterEntry[];
  /** Per frame index: which pages it holds; absent for leaves and roots, and when frames were not opened. */
  readonly pagesOf: readonly ({ readonly regionId: number; readonly pages: Uint32Array } | undefined)[];
  readonly openedFrames: number;
  readonly openedPages: number;
}

/** Frames opened at once, on libuv's pool. */
const batchFrames = 8;

/**
 * A whole pack as `pack` of a manifest says it is: length, digest, header, footer; with `data` every frame opened and decoded.
 * PACK_CORRUPT, FRAME_CORRUPT.
 */
export async function readWholePack(bytes: Buffer, pack: ManifestPack, keys: DesktopKeys, data: boolean): Promise<WholePack> {
  if (bytes.length !== pack.lengthBytes) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: `${pack.lengthBytes} bytes`, found: `${bytes.length}` });
  if (!sha256(bytes).equals(pack.digest)) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: 'the digest that the manifest names' });
  const opened = readPack(bytes, keys, pack.desktopId);
  const { context } = opened;
  if (context.packId !== pack.packId || context.epoch !== pack.epoch || context.keyGeneration !== pack.keyGeneration || context.hostId !== pack.hostId) {
    throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: `pack ${pack.packId} of epoch ${pack.epoch}`, found: `pack ${context.packId} of epoch ${context.epoch}` });
  }
  const pagesOf: WholePack['pagesOf'][number][] = [];
  let openedPages = 0;
  for (let start = 0; data && start < opened.frames.length; start += batchFrames) {
    const batch = opened.frames.slice(start, start + batchFrames);
    const plains = await Promise.all(batch.map(async (entry) => await openFrame(opened.keys.seal, opened.contextBytes, entry, entry.kind, bytes.subarray(entry.offsetBytes, entry.offsetBytes + entry.sealedBytes))));
    for (const [index, plain] of plains.entries()) {
      const entry = batch[index]!;
      const { kind } = entry;
      const pages = kind === 'leaf' || kind === 'root' || kind === 'footer' ? undefined : decodePages(plain, kind);
      pagesOf[entry.frameIndex] = pages;
      openedPages += pages?.pages.length ?? 0;
    }
  }
  return { frames: opened.frames, pagesOf, openedFrames: pagesOf.filter((pages) => pages !== undefined).length, openedPages };
}

/**
 * Pages of a region of the largest length: the checkpoint that wrote them may be pruned, and its device blob may have been longer than
 * those of today. Whether a page lies inside its region is the page table's to say, which is checked against the regions.
 */
function decodePages(plain: Buffer, kind: RegionKind): { regionId: number; pages: Uint32Array } {
  if (plain.length < frameHeaderBytes) throw new Fault('FRAME_CORRUPT', { expected: 'a header', found: `${plain.length} bytes` });
  const region = defineRegion({ id: plain.readUInt16BE(0), kind, name: 'any', lengthBytes: regionPagesMax * pageBytesOf(kind) });
  return { regionId: region.id, pages: decodePageFrame(plain, region).pages };
}
