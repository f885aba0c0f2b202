import { flipped, hex, join, seeded, sha256, u16, u32, u64, u8 } from './bytes.ts';
import type { Vector } from './vector.ts';
import { desktopId, keyLines, laptop, manifestBytes, none, packId, packLengthBytes, parentFields, region, sourceId, stranger, tower, vector, type ManifestChanges } from './world.ts';

const given: [string, string][] = [...keyLines, ['desktop', desktopId.toString('hex')], ['signer', laptop.signPublic.toString('hex')]];
const result = (before: string, packs = 2): [string, string] => ['result', `sequence 42, epoch 7, before ${before}, ${packs} packs, contract, regions 1 ram pc.ram 12288 / 16 disk vda 65536, root frame 2`];
/** The order of Ed25519's group, little-endian: S + L is a second spelling of a signature. */
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;

export function manifestVectors(): Vector[] {
  const good = manifestBytes();
  const refused = (name: string, description: string, changes: ManifestChanges): Vector => vector('manifest', 'MANIFEST_INVALID', name, description, given, manifestBytes(changes));
  const unsigned = (name: string, description: string, changes: ManifestChanges): Vector => vector('manifest', 'SIGNATURE_INVALID', name, description, given, manifestBytes(changes));
  const parent = seeded('parent digest', 32).toString('hex', 0, 4);
  const fork = { line: u8(2), before: join(sourceId, parentFields) };
  return [
    vector('manifest', 'ok', 'good', 'with a parent', [...given, result(`parent ${parent}`)], good),
    vector('manifest', 'ok', 'good-first', 'the first of its line', [...given, result('nothing')], manifestBytes({ public: { line: u8(0), before: none } })),
    vector('manifest', 'ok', 'good-fork', 'the first of a fork, with a pack of the other desktop', [...given, result(`fork ${parent}`)], manifestBytes({ public: { ...fork, ...otherDesktopsPack } })),
    unsigned('signature-bit', 'one bit of the signature', { signature: flipped(good.subarray(-64), 9) }),
    unsigned('signature-zeros', 'a signature of zeros', { signature: Buffer.alloc(64) }),
    unsigned('signature-other-device', 'the signature of another device', { signer: tower }),
    unsigned('signature-stranger', 'the signature of a stranger', { signer: stranger }),
    unsigned('signature-type', 'a signature over the same bytes as a request', { signatureType: 'request' }),
    unsigned('signature-second-spelling', 'the same signature with S + L', { signature: join(good.subarray(-64, -32), plusOrder(good.subarray(-32))) }),
    vector('manifest', 'SIGNATURE_INVALID', 'public-bit', 'one bit of the time of creation', given, flipped(good, 8 + 16 + 8 + 8 + 4 + 16 + 16 + 1 + 80 + 36 + 7)),
    vector('manifest', 'SIGNATURE_INVALID', 'private-bit', 'one bit of the private part', given, flipped(good, -70)),
    vector('manifest', 'MANIFEST_INVALID', 'signature-removed', 'no signature', given, good.subarray(0, -64)),
    vector('manifest', 'MANIFEST_INVALID', 'cut', 'the last byte is missing', given, good.subarray(0, -1)),
    vector('manifest', 'MANIFEST_INVALID', 'longer', 'a byte more', given, join(good, u8(0))),
    vector('manifest', 'MANIFEST_INVALID', 'empty', 'nothing', given, none),
    vector('manifest', 'MANIFEST_INVALID', 'other-desktop', 'a manifest of another desktop', given.map(([name, value]) => (name === 'desktop' ? [name, sourceId.toString('hex')] : [name, value])), good),
    refused('private-other-key', 'a private part sealed under another key', { sealed: Buffer.alloc(200, 9) }),
    refused('private-none', 'no private part', { sealed: none }),
    refused('generation-unknown', 'a key generation that the reader was not given', { public: { generation: u32(9) } }),
    ...publicVectors(refused, fork),
    ...privateVectors(refused),
  ];
}

type Refused = (name: string, description: string, changes: ManifestChanges) => Vector;

const origins = [join(desktopId, u64(6), u32(1), tower.hostId), join(desktopId, u64(7), u32(1), laptop.hostId)] as const;
const olderPack = seeded('older pack', 16);
const sorted = [packId, olderPack].sort((a, b) => a.compare(b));
const entry = (pack: Buffer, origin: number, lengthBytes = packLengthBytes): Buffer => join(u16(origin), pack, u32(lengthBytes), sha256(pack));
/** `pack0` and `pack1` with these origins. */
const packsOf = (own: number, older: number): { pack0: Buffer; pack1: Buffer } => ({ pack0: entry(sorted[0]!, sorted[0] === packId ? own : older), pack1: entry(sorted[1]!, sorted[1] === packId ? own : older) });
/** The older pack is of the desktop that was forked, epoch 9: above the manifest's own, which says nothing. */
const foreign = join(sourceId, u64(9), u32(1), tower.hostId);
const foreignFirst = foreign.compare(origins[1]) < 0;
const otherDesktopsPack = { origin0: foreignFirst ? foreign : origins[1], origin1: foreignFirst ? origins[1] : foreign, ...(foreignFirst ? packsOf(1, 0) : packsOf(0, 1)) };

function publicVectors(refused: Refused, fork: { readonly line: Buffer; readonly before: Buffer }): Vector[] {
  const parent = (changes: { readonly epoch?: number; readonly sequence?: number }): Buffer => join(seeded('parent digest', 32), u64(changes.epoch ?? 6), u64(changes.sequence ?? 41), laptop.hostId, seeded('parent commit', 16));
  return [
    refused('magic', 'another magic', { public: { magic: Buffer.from('GWMG') } }),
    refused('version-2', 'version 2', { public: { version: u16(2) } }),
    refused('suite-0', 'suite 0, well signed', { public: { suite: u16(0) } }),
    refused('suite-2', 'an unknown suite, well signed', { public: { suite: u16(2) } }),
    refused('flags', 'a flag', { public: { flags: u32(1) } }),
    refused('sequence-0', 'sequence 0', { public: { sequence: u64(0), line: u8(0), before: none } }),
    refused('sequence-2-53', 'sequence 2^53', { public: { sequence: u64(2n ** 53n) } }),
    refused('generation-0', 'key generation 0', { public: { generation: u32(0) } }),
    refused('line-3', 'a line that neither begins, goes on nor forks', { public: { line: u8(3) } }),
    refused('parent-sequence', 'a parent of the same sequence', { public: { before: parent({ sequence: 42 }) } }),
    refused('parent-sequence-0', 'a parent of sequence 0', { public: { before: parent({ sequence: 0 }) } }),
    refused('parent-epoch', 'a parent of a later epoch', { public: { before: parent({ epoch: 8 }) } }),
    refused('fork-of-itself', 'a fork of the same desktop', { public: { ...fork, before: join(desktopId, parentFields) } }),
    refused('fork-sequence-0', 'a fork of sequence 0', { public: { ...fork, before: join(sourceId, parent({ sequence: 0 })) } }),
    refused('first-with-others-pack', 'a first checkpoint with a pack of another desktop', { public: { line: u8(0), before: none, ...otherDesktopsPack } }),
    refused('origin-order', 'origins that do not ascend', { public: { origin0: origins[1], origin1: origins[0], ...packsOf(0, 1) } }),
    refused('origin-twice', 'one origin twice', { public: { origin0: origins[1] } }),
    refused('origin-unused', 'an origin that no pack has', { public: packsOf(1, 1) }),
    refused('origin-beyond', 'a pack of an origin beyond the list', { public: packsOf(2, 0) }),
    refused('origin-epoch', 'a pack of a later epoch', { public: { origin1: join(desktopId, u64(8), u32(1), laptop.hostId) } }),
    refused('origin-generation', 'a pack of a later key', { public: { origin0: join(desktopId, u64(6), u32(2), tower.hostId) } }),
    refused('origin-generation-0', 'a pack of key generation 0', { public: { origin0: join(desktopId, u64(6), u32(0), tower.hostId) } }),
    refused('origins-vast', 'a count of 65,535 origins', { public: { originCount: u16(0xffff) } }),
    refused('packs-none', 'no pack', { public: { originCount: u16(0), origin0: none, origin1: none, packCount: u32(0), pack0: none, pack1: none } }),
    refused('packs-vast', 'a count of 2^32 - 1 packs', { public: { packCount: u32(0xffff_ffff) } }),
    refused('packs-order', 'packs that do not ascend', { public: { pack0: packsOf(1, 0).pack1, pack1: packsOf(1, 0).pack0 } }),
    refused('packs-twice', 'one pack twice', { public: { pack1: packsOf(1, 0).pack0 } }),
    refused('pack-empty', 'a pack of no bytes', { public: sorted[0] === packId ? { pack1: entry(olderPack, 0, 0) } : { pack0: entry(olderPack, 0, 0) } }),
  ];
}

function privateVectors(refused: Refused): Vector[] {
  const ram = region(1, 1, 'pc.ram', 3 * 4096);
  const change = (name: string, description: string, changes: ManifestChanges['private']): Vector => refused(`private-${name}`, description, { private: changes });
  return [
    change('contract-vast', 'a contract of 2^32 - 1 bytes', { contractLength: u32(0xffff_ffff) }),
    change('regions-65', '65 regions', { regionCount: u16(65), region0: join(...Array.from({ length: 65 }, (_, id) => region(id, 3, `r${id}`, 0))), region1: none }),
    change('regions-order', 'regions that do not ascend', { region0: region(16, 2, 'vda', 65536), region1: ram }),
    change('regions-twice', 'one region twice', { region1: ram }),
    change('region-kind-0', 'a region of kind 0', { region0: region(1, 0, 'pc.ram', 4096) }),
    change('region-kind-5', 'a leaf as a region', { region0: region(1, 5, 'pc.ram', 4096) }),
    change('region-name-empty', 'a region without a name', { region0: region(1, 1, '', 4096) }),
    change('region-name-bytes', 'a name that is no UTF-8', { region0: region(1, 1, hex('ff80'), 4096) }),
    change('region-vast', 'a region of 2^40 pages', { region0: region(1, 1, 'pc.ram', 2n ** 52n) }),
    change('region-2-53', 'a region of 2^53 bytes', { region0: region(1, 1, 'pc.ram', 2n ** 53n) }),
    change('leaves-vast', 'regions of more leaves than a checkpoint has', { region0: region(1, 1, 'pc.ram', 2 ** 38), region1: region(16, 2, 'vda', 2 ** 43) }),
    change('root-strange-pack', 'a root in a pack that is not listed', { rootPack: seeded('another pack', 16) }),
    change('root-outside', 'a root beyond the end of its pack', { rootOffset: u32(packLengthBytes - 59) }),
    change('root-in-header', 'a root in the header of its pack', { rootOffset: u32(99) }),
    change('root-flags', 'flags of the root that version 1 does not know', { rootFlags: u8(4) }),
    change('root-raw-length', 'a raw root of another length than its plaintext', { rootSealed: u32(61) }),
    change('root-vast', 'a root above 5 MiB', { rootPlain: u32(5 * 1024 * 1024 + 1), rootFlags: u8(1) }),
    change('stats-2-53', 'a count of 2^53', { stats: join(u64(2n ** 53n), Buffer.alloc(48)) }),
    change('longer', 'a byte more', { stats: Buffer.alloc(57) }),
    change('shorter', 'a byte less', { stats: Buffer.alloc(55) }),
  ];
}

function plusOrder(scalar: Buffer): Buffer {
  const value = BigInt(`0x${Buffer.from(scalar).reverse().toString('hex')}`) + groupOrder;
  return hex(value.toString(16).padStart(64, '0')).reverse();
}
