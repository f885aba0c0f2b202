import { flipped, hex, join, kdf, seeded, sha256, text, u16, u32, u64, u8, zstd, type Fields, type ZstdBlock } from './bytes.ts';
import type { Vector } from './vector.ts';
import { epochKey, frameKinds, keyLines, none, origin, originLines, packBytes, packContext, pagesPlain, rawFrame, sealedFrame, smallFrame, sourceId, stranger, vector, type Frame, type Kind, type Origin, type PackChanges } from './world.ts';

const frames: readonly Frame[] = [smallFrame([[2, 5], [0, 6]]), { kind: 'leaf', plain: seeded('a leaf, as far as a pack knows', 40) }, { kind: 'root', plain: seeded('a root', 44) }];
const entry = (sealed: number, plain: number, kind: number, flags: number): Buffer => join(u32(sealed), u32(plain), u8(kind), u8(flags));
/** Sealed bytes of the first frame of `frames`, which is compressed. */
const [firstSealed, firstPlain] = [sealedFrame(origin, 0, frames[0]!).length, frames[0]!.plain.length];

function resultOf(contents: readonly Frame[]): [string, string] {
  return ['result', contents.map(({ kind, plain }) => `${kind} ${plain.length} ${sha256(plain).toString('hex', 0, 8)}`).join(', ')];
}

export function packVectors(): Vector[] {
  const good = packBytes(origin, frames);
  const given = [...keyLines, ...originLines(origin)];
  const refused = (name: string, description: string, body: Buffer): Vector => vector('pack', 'PACK_CORRUPT', name, description, given, body);
  const changed = (name: string, description: string, changes: PackChanges): Vector => refused(name, description, packBytes(origin, frames, changes));
  const raw = [rawFrame([[1, 7]])];
  const asGiven = (name: string, changes: Partial<Origin>): Vector => vector('pack', 'PACK_CORRUPT', name, 'a pack of another origin under the name of this one', [...keyLines, ...originLines({ ...origin, ...changes })], good);
  return [
    vector('pack', 'ok', 'good', 'a compressed frame of pages, a leaf and a root', [...given, resultOf(frames)], good),
    vector('pack', 'ok', 'good-raw', 'a frame of pages that was not compressed', [...given, resultOf(raw)], packBytes(origin, raw)),
    vector('pack', 'ok', 'good-other-desktop', 'a pack of the desktop that a fork came from', [...keyLines, ...originLines({ ...origin, desktop: sourceId }), resultOf(frames)], packBytes({ ...origin, desktop: sourceId }, frames)),
    changed('magic', 'another magic', { context: { magic: text('GWPL') } }),
    changed('version-2', 'version 2', { context: { version: u16(2) } }),
    changed('suite-0', 'suite 0: there is no unsealed form', { context: { suite: u16(0) } }),
    changed('suite-2', 'an unknown suite', { context: { suite: u16(2) } }),
    changed('epoch-2-53', 'an epoch of 2^53', { context: { epoch: u64(2n ** 53n) } }),
    changed('commitment', 'a commitment to another key', { commitment: kdf(epochKey({ ...origin, epoch: 8 }), 'pack-commitment', packContext(origin)) }),
    refused('commitment-bit', 'one bit of the commitment', flipped(good, 70)),
    changed('trailer-magic', 'another magic at the end', { trailer: { magic: text('GWPF') } }),
    changed('trailer-short', 'a footer of no frames', { trailer: { length: u32(20) } }),
    changed('trailer-odd', 'a footer whose length no count of frames has', { trailer: { length: u32(51) } }),
    changed('trailer-long', 'a footer longer than the pack', { trailer: { length: u32(4 + 10 * 4000 + 16) } }),
    changed('trailer-vast', 'a footer of 4 GiB', { trailer: { length: u32(0xffff_ffff) } }),
    refused('footer-bit', 'one bit of the sealed footer', flipped(good, -12)),
    changed('footer-count', 'a count that does not fit the footer', { footer: { count: u32(2) } }),
    changed('footer-kind-0', 'a frame of kind 0', { footer: { frame0: entry(firstSealed, firstPlain, 0, 1) } }),
    changed('footer-kind-7', 'a footer among the frames', { footer: { frame0: entry(firstSealed, 4 + 40, 7, 1) } }),
    changed('footer-kind-8', 'a kind that is none', { footer: { frame0: entry(firstSealed, firstPlain, 8, 1) } }),
    changed('footer-flags', 'flags that version 1 does not know', { footer: { frame0: entry(firstSealed, firstPlain, 1, 3) } }),
    changed('footer-plain-0', 'a frame without plaintext', { footer: { frame0: entry(firstSealed, 0, 1, 1) } }),
    changed('footer-plain-vast', 'a frame of 262,405 bytes', { footer: { frame0: entry(firstSealed, 262_405, 1, 1) } }),
    changed('footer-not-smaller', 'a compressed form that is not smaller', { footer: { frame0: entry(firstSealed, firstSealed - 16, 1, 1) } }),
    changed('footer-raw-length', 'a raw form of another length than the plaintext', { footer: { frame1: entry(56, 41, 5, 0) } }),
    changed('footer-gap', 'frames that do not reach the footer', { footer: { frame0: entry(firstSealed - 1, firstPlain, 1, 1) } }),
    changed('footer-beyond', 'frames that go on into the footer', { footer: { frame0: entry(firstSealed + 1, firstPlain, 1, 1) } }),
    vector('pack', 'FRAME_CORRUPT', 'footer-lies-kind', 'a footer that calls a leaf a root', given, packBytes(origin, frames, { footer: { frame1: entry(56, 40, 6, 0) } })),
    vector('pack', 'FRAME_CORRUPT', 'frame-bit', 'one bit of a sealed frame', given, flipped(good, 105)),
    refused('empty', 'nothing', none),
    refused('header-only', 'the header alone', good.subarray(0, 100)),
    refused('cut-1', 'the last byte is missing', good.subarray(0, -1)),
    refused('cut-middle', 'cut in the middle', good.subarray(0, good.length >> 1)),
    refused('longer', 'a byte after the end', join(good, u8(0))),
    refused('tail-twice', 'the trailer twice', join(good, good.subarray(-8))),
    refused('twice', 'the pack twice', join(good, good)),
    vector('pack', 'PACK_CORRUPT', 'other-digest', 'another digest than the manifest names', [...given, ['sha256', sha256(text('another pack')).toString('hex')]], good),
    vector('pack', 'PACK_CORRUPT', 'other-length', 'longer than the manifest says', [...given, ['length', String(good.length - 1)]], good),
    asGiven('other-pack', { pack: seeded('another pack', 16) }),
    asGiven('other-epoch', { epoch: 8 }),
    asGiven('other-generation', { generation: 2 }),
    asGiven('other-host', { host: stranger.hostId }),
    asGiven('other-desktop', { desktop: sourceId }),
  ];
}

const pages = [[2, 5], [0, 6]] as const;
/** Low half of XXH64 over the plaintext of `pages`, as a compressor writes it: with it, a decompressor has nothing against the frame. */
const contentCheckSum = 'ed9bb3c8';
const regionLine: [string, string] = ['region', '1 ram 12288'];

/** One frame by itself, as a reader of ranges gets it. */
function frameVector(expect: string, name: string, description: string, frame: Frame, more: { readonly index?: number; readonly claimed?: Partial<Record<'index' | 'kind' | 'plain' | 'compressed', string>>; readonly origin?: Partial<Origin>; readonly body?: (sealed: Buffer) => Buffer; readonly region?: string } = {}): Vector {
  const index = more.index ?? 3;
  const sealed = sealedFrame(origin, index, frame);
  const claims = { index: String(index), kind: frame.kind, plain: String(frame.plain.length), compressed: String(frame.stored !== undefined), ...more.claimed };
  const given: [string, string][] = [...keyLines, ...originLines({ ...origin, ...more.origin }), ['region', more.region ?? regionLine[1]], ...Object.entries(claims)];
  if (expect === 'ok') given.push(['result', sha256(frame.plain).toString('hex')]);
  return vector('frame', expect, name, description, given, more.body?.(sealed) ?? sealed);
}

export function frameVectors(): Vector[] {
  const good = smallFrame(pages);
  const { plain, blocks } = pagesPlain(pages);
  const refused = (name: string, description: string, more: Parameters<typeof frameVector>[4]): Vector => frameVector('FRAME_CORRUPT', name, description, good, more);
  const stored = (name: string, description: string, bytes: Buffer, of: Frame = good): Vector => frameVector('FRAME_CORRUPT', name, description, { ...of, stored: bytes });
  const otherKinds = (Object.keys(frameKinds) as Kind[]).filter((kind) => kind !== 'ram');
  return [
    frameVector('ok', 'good', 'two pages, compressed', good),
    frameVector('ok', 'good-raw', 'one page, as it is', rawFrame([[1, 9]])),
    frameVector('ok', 'good-short-page', 'the last page of a region that ends inside it', { kind: 'ram', plain: join(u16(1), u16(1), u32(2), Buffer.alloc(100, 3), Buffer.alloc(3996)) }, { region: '1 ram 8292' }),
    frameVector('ok', 'good-window', 'a zstd frame with a window of 8 MiB', { ...good, stored: zstd(blocks, { descriptor: u8(0x80), window: u8(13 << 3) }) }),
    refused('seal-bit', 'one bit of the ciphertext', { body: (sealed) => flipped(sealed, 3) }),
    refused('tag-bit', 'one bit of the tag', { body: (sealed) => flipped(sealed, -1) }),
    refused('cut', 'the last byte is missing', { body: (sealed) => sealed.subarray(0, -1) }),
    refused('longer', 'a byte more', { body: (sealed) => join(sealed, u8(0)) }),
    refused('other-index', 'in the place of another frame', { claimed: { index: '4' } }),
    refused('other-pack', 'in another pack', { origin: { pack: seeded('another pack', 16) } }),
    refused('other-epoch', 'in another epoch', { origin: { epoch: 8 } }),
    refused('other-generation', 'under another key of the desktop', { origin: { generation: 2 } }),
    refused('other-desktop', 'in another desktop', { origin: { desktop: sourceId } }),
    refused('other-host', 'of another writer', { origin: { host: stranger.hostId } }),
    ...otherKinds.map((kind) => refused(`other-kind-${kind}`, `taken for ${kind}`, { claimed: { kind } })),
    refused('other-length', 'of another plain length', { claimed: { plain: String(plain.length - 4100) } }),
    frameVector('FRAME_CORRUPT', 'claims-compressed', 'a raw form taken for a compressed one', rawFrame([[1, 9]]), { claimed: { compressed: 'true', plain: '8204' } }),
    stored('not-smaller', 'a compressed form that is as long as the plaintext', Buffer.alloc(plain.length, 1)),
    stored('no-zstd', 'something else than a zstd frame', text('no zstd frame')),
    stored('two-frames', 'two zstd frames whose contents are as long as announced', join(zstd(blocks.slice(0, 2)), zstd(blocks.slice(2)))),
    stored('two-frames-first-whole', 'a zstd frame and an empty one', join(zstd(blocks), zstd([none]))),
    stored('skippable-before', 'a skippable frame first', join(hex('502a4d1803000000616263'), zstd(blocks))),
    stored('skippable-after', 'a skippable frame last', join(zstd(blocks), hex('502a4d1803000000616263'))),
    stored('zstd-tail', 'a byte after the zstd frame', join(zstd(blocks), u8(0))),
    stored('zstd-cut', 'the zstd frame lacks its last byte', zstd(blocks).subarray(0, -1)),
    stored('zstd-check-sum', 'a zstd frame with a check sum', zstd(blocks, { descriptor: u8(0xa4), check: hex(contentCheckSum) })),
    stored('zstd-dictionary', 'a zstd frame that names a dictionary', zstd(blocks, { descriptor: u8(0xa1), window: u8(1) })),
    stored('zstd-dictionary-0', 'a zstd frame that names the dictionary 0', zstd(blocks, { descriptor: u8(0xa1), window: u8(0) })),
    stored('zstd-reserved', 'a reserved bit of the zstd frame', zstd(blocks, { descriptor: u8(0xa8) })),
    stored('zstd-no-length', 'a zstd frame that does not say its length', zstd(blocks, { descriptor: u8(0x00), window: u8(3 << 3), content: none })),
    stored('zstd-window', 'a window of 16 MiB', zstd(blocks, { descriptor: u8(0x80), window: u8(14 << 3) })),
    stored('zstd-longer', 'more content than the zstd frame announces', zstd([...blocks, { fill: 1, count: 4100 }], littleEndian(plain.length))),
    stored('zstd-shorter', 'less content than the zstd frame announces', zstd(blocks.slice(0, 2), littleEndian(plain.length))),
    stored('zstd-bomb', 'a hundred times the content that is announced', zstd(Array.from({ length: 100 }, (): ZstdBlock => ({ fill: 0, count: plain.length })), littleEndian(plain.length))),
    ...pageFrameVectors(),
  ];
}

function littleEndian(content: number): Fields {
  return { content: u32(content).reverse() };
}

function pageFrameVectors(): Vector[] {
  const refused = (name: string, description: string, frame: Frame): Vector => frameVector('FRAME_CORRUPT', name, description, frame);
  return [
    refused('pages-other-region', 'pages of region 2', smallFrame(pages, { region: u16(2) })),
    refused('pages-none', 'no page', { kind: 'ram', plain: join(u16(1), u16(0)) }),
    refused('pages-too-many', 'a count of 65', smallFrame(pages, { count: u16(65) })),
    refused('pages-count', 'a count that the length does not bear out', smallFrame(pages, { count: u16(1) })),
    refused('pages-twice', 'one page twice', smallFrame(pages, { pages: join(u32(2), u32(2)) })),
    refused('pages-outside', 'a page beyond the end of the region', smallFrame(pages, { pages: join(u32(3), u32(0)) })),
    refused('pages-vast', 'page 2^32 - 1', smallFrame(pages, { pages: join(u32(0xffff_ffff), u32(0)) })),
    refused('pages-no-header', 'three bytes', { kind: 'ram', plain: Buffer.alloc(3, 1) }),
    frameVector('FRAME_CORRUPT', 'pages-beyond-end', 'bytes beyond the end of the region', smallFrame([[2, 3]]), { region: '1 ram 8292' }),
  ];
}
