import { Fault } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { DesktopKeys } from './keys.ts';
import type { ManifestPack } from './manifest.ts';
import { readPack } from './pack.ts';
import { openFrame, type FooterEntry } from './pack-format.ts';
import { decodePageFrame } from './page-frame.ts';
import type { Region } from './region.ts';

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
 * A whole pack as `pack` of a manifest says it is: length, digest, header, footer; with `data` every frame opened and decoded as
 * pages of the regions that share its id. PACK_CORRUPT, FRAME_CORRUPT.
 */
export async function readWholePack(bytes: Buffer, pack: ManifestPack, keys: DesktopKeys, regions: readonly Region[], data: boolean): Promise<WholePack> {
  if (bytes.length !== pack.lengthBytes) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: `${pack.lengthBytes} bytes`, found: `${bytes.length}` });
  if (!sha256(bytes).equals(pack.digest)) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: 'the digest that the manifest names' });
  const opened = readPack(bytes, keys);
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
      const isPages = entry.kind !== 'leaf' && entry.kind !== 'root';
      const pages = isPages ? decodePages(plain, entry, regions) : undefined;
      pagesOf[entry.frameIndex] = pages;
      openedPages += pages?.pages.length ?? 0;
    }
  }
  return { frames: opened.frames, pagesOf, openedFrames: pagesOf.filter((pages) => pages !== undefined).length, openedPages };
}

/** A region may have had several lengths in the desktop's life (the device blob); the frame belongs to one of them, or to none that still lives. */
function decodePages(plain: Buffer, entry: FooterEntry, regions: readonly Region[]): { regionId: number; pages: Uint32Array } | undefined {
  const regionId = plain.length < 2 ? -1 : plain.readUInt16BE(0);
  const candidates = regions.filter((region) => region.id === regionId && region.kind === entry.kind);
  let fault: unknown;
  for (const region of candidates) {
    try {
      return { regionId, pages: decodePageFrame(plain, region).pages };
    } catch (error) {
      fault = error;
    }
  }
  if (fault !== undefined) throw fault;
  return undefined;
}
