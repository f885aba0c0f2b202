import { Fault } from '@godwit/base';
import { release, sha256, type PackKeys } from '@godwit/crypto';
import { keysOfPack, type DesktopKeys } from './keys.ts';
import { frameHeaderBytes, regionPagesMax } from './limits.ts';
import type { ManifestPack } from './manifest.ts';
import { openPack } from './pack.ts';
import { encodePackContext, openFrameSync, type FooterEntry } from './pack-format.ts';
import { decodePageFrame } from './page-frame.ts';
import { defineRegion, pageBytesOf, type RegionKind } from './region.ts';

export interface WholePack {
  readonly frames: readonly FooterEntry[];
  /** Per frame index: which pages it holds; absent for leaves and roots, and when frames were not opened. */
  readonly pagesOf: readonly ({ readonly regionId: number; readonly pages: Uint32Array } | undefined)[];
  readonly openedFrames: number;
  readonly openedPages: number;
}

/**
 * A whole pack as `pack` of a manifest says it is: length, digest, header, footer; with `data` every frame opened and decoded.
 * PACK_CORRUPT, FRAME_CORRUPT.
 */
export function readWholePack(bytes: Buffer, pack: ManifestPack, keys: DesktopKeys, data: boolean): WholePack {
  return checkWholePack(bytes, pack, keysOfPack(keys, pack, encodePackContext(pack)), data);
}

/** `readWholePack` with the keys of the very pack, for a thread that has no others. */
export function checkWholePack(bytes: Buffer, pack: ManifestPack, keys: PackKeys, data: boolean): WholePack {
  if (bytes.length !== pack.lengthBytes) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: `${pack.lengthBytes} bytes`, found: `${bytes.length}` });
  if (!sha256(bytes).equals(pack.digest)) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: 'the digest that the manifest names' });
  const { contextBytes, frames } = openPack(bytes, keys);
  if (!contextBytes.equals(encodePackContext(pack))) throw new Fault('PACK_CORRUPT', { subject: pack.packId, expected: 'the context that the manifest names' });
  if (!data) return { frames, pagesOf: [], openedFrames: 0, openedPages: 0 };
  const pagesOf = frames.map((entry) => {
    const plain = openFrameSync(keys.seal, contextBytes, entry, entry.kind, bytes.subarray(entry.offsetBytes, entry.offsetBytes + entry.sealedBytes));
    const { kind } = entry;
    const pages = kind === 'leaf' || kind === 'root' || kind === 'footer' ? undefined : decodePages(plain, kind);
    release(plain);
    return pages;
  });
  const openedPages = pagesOf.reduce((sum, opened) => sum + (opened?.pages.length ?? 0), 0);
  return { frames, pagesOf, openedFrames: pagesOf.filter((opened) => opened !== undefined).length, openedPages };
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
