import { join, lay, seeded, u16, u32, u8, type Fields } from './bytes.ts';
import type { Vector } from './vector.ts';
import { location, none, vector } from './world.ts';

const [packA, packB, packC] = ['a', 'b', 'c'].map((name) => seeded(`table pack ${name}`, 16)).sort((a, b) => a.compare(b)) as [Buffer, Buffer, Buffer];
const short = (pack: Buffer): string => pack.toString('hex', 0, 4);

/** Region 1: 1,029 pages, so that its second leaf has five. Frames of two pages each, compressed. */
const leafFields: Fields = {
  region: u16(1), leaf: u32(1), pages: u16(5), packCount: u16(2), packs: join(packB, packA), frameCount: u16(2),
  frame0: location({ pack: 0, frame: 4, offset: 500 }), frame1: location({ pack: 1, frame: 0 }),
  references: join(u16(1), u16(0), u16(1), u16(2), u16(0)), slots: Buffer.of(1, 0, 0, 1, 0),
};
const leafGiven: [string, string][] = [['region', '1 ram 4214784'], ['leaf', '1']];
const leafResult: [string, string] = ['result', `${short(packB)}/4/1 - ${short(packB)}/4/0 ${short(packA)}/0/1 -`];

export function leafVectors(): Vector[] {
  const refused = (name: string, description: string, changes: Fields): Vector => vector('leaf', 'TABLE_CORRUPT', name, description, leafGiven, lay(leafFields, changes));
  const good = lay(leafFields);
  const place = (changes: Parameters<typeof location>[0]): Fields => ({ frame0: location({ pack: 0, frame: 4, offset: 500, ...changes }) });
  const onePack = { packCount: u16(1), packs: packB, frame1: location({ pack: 0, frame: 0 }) };
  return [
    vector('leaf', 'ok', 'good', 'five pages: two zero, three in two frames of two packs', [...leafGiven, leafResult], good),
    vector('leaf', 'ok', 'good-one-pack', 'both frames in one pack', [...leafGiven, ['result', leafResult[1].replace(short(packA), short(packB))]], lay(leafFields, onePack)),
    refused('other-region', 'a leaf of region 2', { region: u16(2) }),
    refused('other-index', 'another leaf of the region', { leaf: u32(0) }),
    refused('other-pages', 'one page less than the leaf has', { pages: u16(4) }),
    refused('no-packs', 'no packs', { packCount: u16(0) }),
    refused('packs-vast', 'more packs than a leaf has pages', { packCount: u16(1025) }),
    refused('pack-twice', 'one pack twice', { packs: join(packB, packB) }),
    refused('pack-order', 'packs that are not in the order of first use', { frame0: location({ pack: 1, frame: 4, offset: 500 }), frame1: location({ pack: 0 }) }),
    refused('pack-unused', 'a pack that no frame lies in', { packCount: u16(3), packs: join(packB, packA, packC) }),
    refused('pack-beyond', 'a frame in a pack beyond the list', { frame1: location({ pack: 2 }) }),
    refused('no-frames', 'no frames', { frameCount: u16(0) }),
    refused('frames-vast', 'more frames than a leaf has pages', { frameCount: u16(1025) }),
    refused('frame-twice', 'one frame twice', { ...onePack, frame1: location({ pack: 0, frame: 4, offset: 500 }) }),
    refused('frame-unused', 'a frame that no page lies in', { references: join(u16(1), u16(0), u16(1), u16(1), u16(0)) }),
    refused('frame-order', 'pages that use the second frame first', { references: join(u16(2), u16(0), u16(2), u16(1), u16(0)) }),
    refused('frame-beyond', 'a page in a frame beyond the list', { references: join(u16(1), u16(0), u16(1), u16(2), u16(3)) }),
    refused('slot-beyond', 'a slot that the frame does not have', { slots: Buffer.of(2, 0, 0, 1, 0) }),
    refused('zero-with-slot', 'a zero page with a slot', { slots: Buffer.of(1, 1, 0, 1, 0) }),
    refused('place-flags', 'flags of a frame that version 1 does not know', place({ flags: 2, sealed: 8204 + 16 })),
    refused('place-index', 'frame 4,096 of a pack', place({ frame: 4096 })),
    refused('place-in-header', 'a frame inside the header of its pack', place({ offset: 99 })),
    refused('place-beyond', 'a frame beyond the largest pack', place({ offset: 8 * 1024 * 1024 - 59 })),
    refused('place-raw-length', 'a raw form of another length than the plaintext', place({ flags: 0 })),
    refused('place-not-smaller', 'a compressed form that is not smaller', place({ sealed: 8204 + 16 })),
    refused('place-odd', 'a plain length that no count of pages has', place({ plain: 8203 })),
    refused('place-no-pages', 'a plain length without a page', place({ plain: 4, sealed: 19 })),
    refused('place-vast', 'a plain length above the limit', place({ plain: 4 + 65 * 4100 })),
    vector('leaf', 'TABLE_CORRUPT', 'cut', 'the last byte is missing', leafGiven, good.subarray(0, -1)),
    vector('leaf', 'TABLE_CORRUPT', 'longer', 'a byte more', leafGiven, join(good, u8(0))),
    vector('leaf', 'TABLE_CORRUPT', 'empty', 'nothing', leafGiven, none),
  ];
}

const leafPlace = (pack: number, frame: number): Buffer => location({ pack, frame, offset: 700, sealed: 45, plain: 90 });

/** Regions 1 (RAM, two leaves: one zero) and 16 (disk, one leaf). */
const rootFields: Fields = {
  packCount: u32(3), packs: join(packA, packB, packC), regionCount: u16(2),
  region0: u16(1), leaves0: u32(2), count0: u16(2), place0: leafPlace(2, 9), uses0: join(u16(0), u16(1)), zero: u16(0),
  region1: u16(16), leaves1: u32(1), count1: u16(1), place1: leafPlace(2, 10), uses1: u16(2),
};
const rootGiven: [string, string][] = [['region', '1 ram 4214784'], ['region', '16 disk 65536']];

export function rootVectors(): Vector[] {
  const good = lay(rootFields);
  const refused = (name: string, description: string, changes: Fields): Vector => vector('root', 'TABLE_CORRUPT', name, description, rootGiven, lay(rootFields, changes));
  const result = `1: ${short(packC)}/9+${short(packA)}+${short(packB)} -, 16: ${short(packC)}/10+${short(packC)}`;
  const allZero = join(u32(0), u16(2), u16(1), u32(2), u16(0), u16(0), u16(16), u32(1), u16(0));
  return [
    vector('root', 'ok', 'good', 'two regions, one leaf of zero pages', [...rootGiven, ['result', result]], good),
    vector('root', 'ok', 'good-all-zero', 'nothing but zero pages', [...rootGiven, ['result', '1: - -, 16: -']], allZero),
    refused('pack-order', 'packs that do not ascend', { packs: join(packB, packA, packC) }),
    refused('pack-twice', 'one pack twice', { packs: join(packA, packA, packC) }),
    refused('pack-unused', 'a pack that nothing lies in', { uses0: join(u16(0), u16(2)) }),
    refused('packs-vast', 'a count of 2^32 - 1 packs', { packCount: u32(0xffff_ffff) }),
    refused('regions-count', 'a region less than the manifest has', { regionCount: u16(1) }),
    refused('region-other', 'another region than the manifest has', { region0: u16(2) }),
    refused('region-order', 'the regions in another order', { region0: u16(16), region1: u16(1) }),
    refused('leaves-count', 'a leaf less than the region has', { leaves0: u32(1) }),
    refused('leaves-vast', 'a count of 2^32 - 1 leaves', { leaves0: u32(0xffff_ffff) }),
    refused('uses-vast', 'a leaf in more packs than it has pages', { count0: u16(1025) }),
    refused('uses-order', 'packs of a leaf that do not ascend', { uses0: join(u16(1), u16(0)) }),
    refused('uses-twice', 'one pack of a leaf twice', { uses0: join(u16(1), u16(1)) }),
    refused('uses-beyond', 'a pack of a leaf beyond the list', { uses0: join(u16(0), u16(3)) }),
    refused('place-beyond', 'a leaf in a pack beyond the list', { place1: leafPlace(3, 10) }),
    refused('place-vast', 'a leaf of more than 36,876 bytes', { place1: location({ pack: 2, sealed: 50, plain: 36_877 }) }),
    refused('place-empty', 'a leaf without plaintext', { place1: location({ pack: 2, sealed: 16, plain: 0, flags: 0 }) }),
    refused('place-flags', 'flags that version 1 does not know', { place1: location({ pack: 2, sealed: 106, plain: 90, flags: 0x80 }) }),
    vector('root', 'TABLE_CORRUPT', 'cut', 'the last byte is missing', rootGiven, good.subarray(0, -1)),
    vector('root', 'TABLE_CORRUPT', 'longer', 'a byte more', rootGiven, join(good, u8(0))),
    vector('root', 'TABLE_CORRUPT', 'empty', 'nothing', rootGiven, none),
  ];
}
