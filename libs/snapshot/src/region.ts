import { ByteReader, Fault, type ByteWriter, type FaultCode } from '@godwit/base';
import { diskPageBytes, framePageBytesMax, framePagesMax, leafPages, ramPageBytes, regionNameBytesMax, regionPagesMax } from './limits.ts';

export type RegionKind = 'ram' | 'disk' | 'device' | 'firmware';

/** One numbered address space of a checkpoint. The last page may be short; what it has beyond the end is zero. */
export interface Region {
  /** 0 to 65535, unique in a checkpoint; the same region has the same id in each checkpoint of a desktop. */
  readonly id: number;
  readonly kind: RegionKind;
  /** For people and for matching with QEMU's names; UTF-8, 1 to 255 bytes. */
  readonly name: string;
  /** Follows from the kind: 65536 for disks, else 4096. */
  readonly pageBytes: number;
  readonly lengthBytes: number;
}

/** The numbers of the kinds, in the table of regions and as the kind of a region's frames. */
export const regionKinds: Readonly<Record<RegionKind, number>> = { ram: 1, disk: 2, device: 3, firmware: 4 };
const kindNames = new Map<number, RegionKind>(Object.entries(regionKinds).map(([name, kind]) => [kind, name as RegionKind]));

export function pageBytesOf(kind: RegionKind): number {
  return kind === 'disk' ? diskPageBytes : ramPageBytes;
}

/** 64 pages of RAM, device state or firmware, 4 of a disk. */
export function framePagesOf(kind: RegionKind): number {
  return Math.min(framePagesMax, framePageBytesMax / pageBytesOf(kind));
}

/** A region with the page size that its kind has. VALUE_OUT_OF_RANGE when something about it is not allowed. */
export function defineRegion({ id, kind, name, lengthBytes }: Omit<Region, 'pageBytes'>): Region {
  const region = { id, kind, name, pageBytes: pageBytesOf(kind), lengthBytes };
  checkRegion(region, 'VALUE_OUT_OF_RANGE');
  return region;
}

export function pageCountOf({ pageBytes, lengthBytes }: Region): number {
  return Math.ceil(lengthBytes / pageBytes);
}

export function leafCountOf(region: Region): number {
  return Math.ceil(pageCountOf(region) / leafPages);
}

/** Pages that leaf `leafIndex` of the region covers: 1024, fewer in the last one. */
export function leafPageCount(region: Region, leafIndex: number): number {
  return Math.min(leafPages, pageCountOf(region) - leafIndex * leafPages);
}

/** Whether pages of `earlier` are pages of `later`: a region that changed its name, kind or length starts afresh. */
export function sameRegion(earlier: Region, later: Region): boolean {
  return earlier.id === later.id && earlier.kind === later.kind && earlier.name === later.name && earlier.lengthBytes === later.lengthBytes;
}

/** id u16, kind u8, name length u8, name, length u64. */
export function writeRegion(writer: ByteWriter, region: Region): void {
  checkRegion(region, 'VALUE_OUT_OF_RANGE');
  const name = Buffer.from(region.name, 'utf8');
  writer.u16(region.id).u8(regionKinds[region.kind]).u8(name.length).put(name).u64(region.lengthBytes);
}

export function readRegion(reader: ByteReader, code: FaultCode): Region {
  const id = reader.u16();
  const kindNumber = reader.u8();
  const kind = kindNames.get(kindNumber);
  if (kind === undefined) throw new Fault(code, { expected: 'a kind of region', found: `${kindNumber}` });
  const nameBytes = reader.take(reader.u8());
  const name = nameBytes.toString('utf8');
  // One spelling: bytes that are not UTF-8 would come back as others.
  if (!Buffer.from(name, 'utf8').equals(nameBytes)) throw new Fault(code, { expected: 'a name in UTF-8', found: nameBytes.toString('hex') });
  const region = { id, kind, name, pageBytes: pageBytesOf(kind), lengthBytes: reader.u53() };
  checkRegion(region, code);
  return region;
}

function checkRegion(region: Region, code: FaultCode): void {
  const { id, kind, name, pageBytes, lengthBytes } = region;
  const refuse = (expected: string, found: string): never => {
    throw new Fault(code, { subject: `region ${id}`, expected, found });
  };
  if (!Number.isInteger(id) || id < 0 || id > 0xffff) refuse('an id from 0 to 65535', `${id}`);
  if (!Object.hasOwn(regionKinds, kind)) refuse('a kind of region', kind);
  if (pageBytes !== pageBytesOf(kind)) refuse(`pages of ${pageBytesOf(kind)} bytes`, `${pageBytes}`);
  const nameBytes = Buffer.byteLength(name, 'utf8');
  if (nameBytes < 1 || nameBytes > regionNameBytesMax || !name.isWellFormed()) refuse(`a name of 1 to ${regionNameBytesMax} bytes`, `${nameBytes}`);
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0) refuse('a length in bytes', `${lengthBytes}`);
  if (pageCountOf(region) > regionPagesMax) refuse(`at most ${regionPagesMax} pages`, `${pageCountOf(region)}`);
}
