/** The desktops, devices and keys of the vectors, and packs and manifests laid out by hand. */
import { device, kdf, lay, seal, seeded, sha256, sign, text, u16, u32, u64, u8, join, zstd, type Device, type Fields, type ZstdBlock } from './bytes.ts';
import type { Vector } from './vector.ts';

export const none = Buffer.alloc(0);
export const desktopId = seeded('desktop', 16);
export const sourceId = seeded('source desktop', 16);
export const [laptop, tower, stranger] = ['laptop', 'tower', 'stranger'].map((name) => device(seeded(`${name}/sign`, 32), seeded(`${name}/box`, 32))) as [Device, Device, Device];

/** Desktop keys by desktop and generation. */
export const desktopKeys: readonly (readonly [desktop: Buffer, generation: number, key: Buffer])[] = [
  [desktopId, 1, seeded('desktop key 1', 32)],
  [desktopId, 2, seeded('desktop key 2', 32)],
  [sourceId, 1, seeded('source key 1', 32)],
];

export interface Origin {
  readonly desktop: Buffer;
  readonly generation: number;
  readonly epoch: number;
  readonly host: Buffer;
  readonly pack: Buffer;
}

export const packId = seeded('pack', 16);
export const origin: Origin = { desktop: desktopId, generation: 1, epoch: 7, host: laptop.hostId, pack: packId };

export function epochKey({ desktop, generation, epoch }: Pick<Origin, 'desktop' | 'generation' | 'epoch'>): Buffer {
  const [, , key] = desktopKeys.find(([owner, held]) => owner.equals(desktop) && held === generation) ?? [];
  // A key that no reader is given: for objects of desktops that it must refuse before.
  return kdf(key ?? seeded('no key', 32), 'epoch-seal', desktop, u64(epoch));
}

export function packContext({ desktop, generation, epoch, host, pack }: Origin, changes: Fields = {}): Buffer {
  return lay({ magic: text('GWPK'), version: u16(1), suite: u16(1), desktop, generation: u32(generation), epoch: u64(epoch), pack, host }, changes);
}

export const frameKinds = { ram: 1, disk: 2, device: 3, firmware: 4, leaf: 5, root: 6, footer: 7 } as const;
export type Kind = keyof typeof frameKinds;

export interface Frame {
  readonly kind: Kind;
  readonly plain: Buffer;
  /** What is sealed when it is not the plaintext. */
  readonly stored?: Buffer;
}

export function sealedFrame(place: Origin, index: number, { kind, plain, stored }: Frame, contextChanges: Fields = {}): Buffer {
  const context = packContext(place, contextChanges);
  const data = join(context, u32(index), u8(frameKinds[kind]), u8(stored === undefined ? 0 : 1), u32(plain.length));
  return seal(kdf(epochKey(place), 'pack-seal', context), index, data, stored ?? plain);
}

/** Pages of region 1: each of one value, so that their compressed form can be written by hand. */
export function pagesPlain(pages: readonly (readonly [page: number, fill: number])[], changes: Fields = {}): { plain: Buffer; blocks: ZstdBlock[] } {
  const head = lay({ region: u16(1), count: u16(pages.length), pages: join(...pages.map(([page]) => u32(page))) }, changes);
  return { plain: join(head, ...pages.map(([, fill]) => Buffer.alloc(4096, fill))), blocks: [head, ...pages.map(([, fill]) => ({ fill, count: 4096 }))] };
}

export const rawFrame = (pages: Parameters<typeof pagesPlain>[0], changes: Fields = {}): Frame => ({ kind: 'ram', plain: pagesPlain(pages, changes).plain });
export const smallFrame = (pages: Parameters<typeof pagesPlain>[0], changes: Fields = {}): Frame => {
  const { plain, blocks } = pagesPlain(pages, changes);
  return { kind: 'ram', plain, stored: zstd(blocks) };
};

export interface PackChanges {
  readonly context?: Fields;
  readonly commitment?: Buffer;
  /** Fields of the footer's plaintext: count, frame0, frame1, ... */
  readonly footer?: Fields;
  readonly trailer?: Fields;
}

export function packBytes(place: Origin, frames: readonly Frame[], changes: PackChanges = {}): Buffer {
  const context = packContext(place, changes.context);
  const sealed = frames.map((frame, index) => sealedFrame(place, index, frame, changes.context));
  const entries = frames.map(({ kind, plain, stored }, index) => [`frame${index}`, join(u32(sealed[index]!.length), u32(plain.length), u8(frameKinds[kind]), u8(stored === undefined ? 0 : 1))] as const);
  const footerPlain = lay({ count: u32(frames.length), ...Object.fromEntries(entries) }, changes.footer);
  const footer = sealedFrame(place, frames.length, { kind: 'footer', plain: footerPlain }, changes.context);
  const commitment = changes.commitment ?? kdf(epochKey(place), 'pack-commitment', context);
  return join(context, commitment, ...sealed, footer, lay({ length: u32(footer.length), magic: text('GWPE') }, changes.trailer));
}

/** A location of the page table: pack index, frame index, offset, sealed length, plain length, flags. */
export function location(at: { readonly pack?: number; readonly frame?: number; readonly offset?: number; readonly sealed?: number; readonly plain?: number; readonly flags?: number } = {}): Buffer {
  return join(u16(at.pack ?? 0), u16(at.frame ?? 0), u32(at.offset ?? 100), u32(at.sealed ?? 60), u32(at.plain ?? 4 + 2 * 4100), u8(at.flags ?? 1));
}

export interface ManifestChanges {
  readonly public?: Fields;
  readonly private?: Fields;
  readonly signer?: Device;
  readonly signatureType?: string;
  /** Instead of the sealed private part, of the signature. */
  readonly sealed?: Buffer;
  readonly signature?: Buffer;
}

export const commitId = seeded('commit', 16);
export const parentFields = join(seeded('parent digest', 32), u64(6), u64(41), laptop.hostId, seeded('parent commit', 16));
export const packLengthBytes = 5000;

/** A manifest with two packs: this epoch's, which holds the root, and one of the epoch before. */
export function manifestBytes(changes: ManifestChanges = {}): Buffer {
  const [one, two] = [seeded('pack', 16), seeded('older pack', 16)].sort((a, b) => a.compare(b)) as [Buffer, Buffer];
  const entry = (pack: Buffer): Buffer => join(u16(pack.equals(packId) ? 1 : 0), pack, u32(packLengthBytes), sha256(pack));
  const publicPart = lay(
    {
      magic: text('GWMF'), version: u16(1), suite: u16(1), desktop: desktopId, sequence: u64(42), epoch: u64(7), generation: u32(1), host: laptop.hostId, commit: commitId,
      line: u8(1), before: parentFields, chainLength: u32(2), chainHead: seeded('chain head', 32), created: u64(1_750_000_000_000), flags: u32(0),
      originCount: u16(2), origin0: join(desktopId, u64(6), u32(1), tower.hostId), origin1: join(desktopId, u64(7), u32(1), laptop.hostId),
      packCount: u32(2), pack0: entry(one), pack1: entry(two),
    },
    changes.public,
  );
  const privatePart = lay(
    {
      contractLength: u32(8), contract: text('contract'), regionCount: u16(2), region0: region(1, 1, 'pc.ram', 3 * 4096), region1: region(16, 2, 'vda', 65536),
      rootPack: packId, rootFrame: u16(2), rootOffset: u32(300), rootSealed: u32(60), rootPlain: u32(44), rootFlags: u8(0), stats: join(...[1, 2, 3, 4, 5, 6, 7].map(u64)),
    },
    changes.private,
  );
  const key = kdf(epochKey({ desktop: desktopId, generation: 1, epoch: 7 }), 'manifest-seal', join(desktopId, u32(1), u64(7), u64(42), laptop.hostId, commitId));
  const sealed = changes.sealed ?? seal(key, 0, publicPart, privatePart);
  const signed = join(publicPart, u32(sealed.length), sealed);
  return join(signed, changes.signature ?? sign(changes.signatureType ?? 'manifest', signed, changes.signer ?? laptop));
}

export function region(id: number, kind: number, name: string | Buffer, lengthBytes: number | bigint): Buffer {
  const bytes = typeof name === 'string' ? text(name) : name;
  return join(u16(id), u8(kind), u8(bytes.length), bytes, u64(lengthBytes));
}

export const keyLines = desktopKeys.map(([desktop, generation, key]): [string, string] => ['desktop-key', `${desktop.toString('hex')} ${generation} ${key.toString('hex')}`]);

export function originLines({ desktop, generation, epoch, host, pack }: Origin): [string, string][] {
  return [['desktop', desktop.toString('hex')], ['generation', String(generation)], ['epoch', String(epoch)], ['host', host.toString('hex')], ['pack', pack.toString('hex')]];
}

/** One vector from its parts; `folder/what-it-is` and a sentence. */
export function vector(kind: string, expect: string, name: string, description: string, given: Vector['given'], body: Buffer): Vector {
  return { name: `${kind}/${name}`, expect, kind, description, given, body };
}
