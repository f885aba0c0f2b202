import { hash } from 'node:crypto';
import { ByteReader, ByteWriter, Fault, type Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { regionsMax } from './limits.ts';
import { pageCountOf, readRegion, sameRegion, writeRegion, type Region } from './region.ts';

export interface ChangedPages {
  readonly pages: Uint32Array;
  /** The pages' bytes, back to back: a view of the front of the batch that was given. */
  readonly bytes: Buffer;
}

const digestBytes = 16;
const keyBytes = 32;
const magic = 0x47_57_44_47; // "GWDG"
const version = 1;
/** Marks that no digest is but by a chance of 2^-128: zero bytes where nothing was recorded, and this for a zero page. */
const zeroMark = Buffer.alloc(digestBytes, 0xff);

interface DigestedRegion {
  readonly region: Region;
  /** In memory that threads share. */
  readonly digests: Buffer;
  readonly zeroPage: Buffer;
  /** Key, then the page that is being digested. */
  readonly scratch: Buffer;
}

/** What another thread makes its own `PageDigests` of: the digests are the same memory for both. Holds the host's secret. */
export interface SharedDigests {
  readonly key: Uint8Array;
  readonly regions: readonly { readonly region: Region; readonly digests: SharedArrayBuffer }[];
}

/**
 * What each page of a desktop held when it was last captured or loaded: 16 bytes of SHA-256 over a host secret and the page. The
 * secret keeps a guest from preparing two pages that count as one. 16 bytes of memory per page.
 */
export class PageDigests {
  readonly #key: Buffer;
  readonly #regions = new Map<number, DigestedRegion>();
  /** The digest of the page at hand: one piece of memory for all of them. */
  readonly #found = Buffer.alloc(32);

  constructor(regions: readonly Region[], random: Random) {
    this.#key = random(keyBytes);
    for (const region of regions) this.addRegion(region);
  }

  /** All pages unknown; a region of another shape under this id is forgotten, the same one is kept as it is. */
  addRegion(region: Region): void {
    const present = this.#regions.get(region.id);
    if (present !== undefined && sameRegion(present.region, region)) return;
    this.#adopt(region, new SharedArrayBuffer(pageCountOf(region) * digestBytes));
  }

  /**
   * Of a batch, the pages that differ from what was last recorded, moved to the front of `bytes` in their order; records them. Zero
   * pages in it count as the zero pages that they are. A page may come twice in a batch.
   */
  changed(regionId: number, pages: Uint32Array, bytes: Buffer): ChangedPages {
    const known = this.#known(regionId, pages, bytes);
    const { pageBytes } = known.region;
    let kept = 0;
    const keptPages = new Uint32Array(pages.length);
    for (let index = 0; index < pages.length; index += 1) {
      const page = pages[index]!;
      if (!this.#update(known, page, this.#digest(known, bytes, index * pageBytes))) continue;
      if (kept !== index) bytes.copyWithin(kept * pageBytes, index * pageBytes, (index + 1) * pageBytes);
      keptPages[kept] = page;
      kept += 1;
    }
    return { pages: keptPages.subarray(0, kept), bytes: bytes.subarray(0, kept * pageBytes) };
  }

  /** Those of `pages` that were not known to be zero; they are now. */
  changedToZero(regionId: number, pages: Uint32Array): Uint32Array {
    const known = this.#known(regionId, pages);
    return pages.filter((page) => this.#update(known, page, zeroMark));
  }

  /** These pages hold these bytes, as far as QEMU knows: after they were loaded. */
  record(regionId: number, pages: Uint32Array, bytes: Buffer): void {
    const known = this.#known(regionId, pages, bytes);
    for (let index = 0; index < pages.length; index += 1) this.#update(known, pages[index]!, this.#digest(known, bytes, index * known.region.pageBytes));
  }

  /** These pages count as changed whatever they hold: the next checkpoint writes them anew. */
  forget(regionId: number, pages: Uint32Array): void {
    const known = this.#known(regionId, pages);
    for (const page of pages) known.digests.fill(0, page * digestBytes, (page + 1) * digestBytes);
  }

  recordZero(regionId: number, pages: Uint32Array): void {
    this.changedToZero(regionId, pages);
  }

  /** An independent copy: work on it during a checkpoint, keep it when that is committed, drop it when not. */
  copy(): PageDigests {
    const twin = new PageDigests([], () => Buffer.from(this.#key));
    for (const { region, digests } of this.#regions.values()) twin.#adopt(region, sharedCopy(digests));
    return twin;
  }

  /** For a private file of this host (it holds the secret): with the digest of the manifest whose pages these are. */
  serialise(manifestDigest: Buffer): Buffer {
    const lengthBytes = [...this.#regions.values()].reduce((sum, { digests }) => sum + 267 + digests.length, 4 + 2 + 32 + keyBytes + 2);
    const writer = new ByteWriter(lengthBytes + 32).u32(magic).u16(version).put(manifestDigest.subarray(0, 32)).put(this.#key).u16(this.#regions.size);
    for (const { region, digests } of this.#regions.values()) {
      writeRegion(writer, region);
      writer.put(digests);
    }
    return writer.put(sha256(writer.finish())).finish();
  }

  /** Undefined for anything that `serialise` did not write, whole: then every page counts as changed, which is always right. */
  static deserialise(bytes: Buffer): { readonly digests: PageDigests; readonly manifestDigest: Buffer } | undefined {
    const body = bytes.subarray(0, Math.max(0, bytes.length - 32));
    if (!sha256(body).equals(bytes.subarray(body.length))) return undefined;
    const reader = new ByteReader(body);
    if (reader.u32() !== magic || reader.u16() !== version) return undefined;
    const manifestDigest = Buffer.from(reader.take(32));
    const key = Buffer.from(reader.take(keyBytes));
    const digests = new PageDigests([], () => key);
    const count = Math.min(reader.u16(), regionsMax);
    for (let index = 0; index < count; index += 1) {
      const region = readRegion(reader, 'BYTES_TRUNCATED');
      digests.#adopt(region, sharedCopy(reader.take(pageCountOf(region) * digestBytes)));
    }
    return { digests, manifestDigest };
  }

  /** For a thread that captures. What it records is recorded here too; regions that it adds are not known here until `adopt`. */
  share(): SharedDigests {
    return { key: Uint8Array.from(this.#key), regions: [...this.#regions.values()].map(({ region, digests }) => ({ region, digests: digests.buffer as SharedArrayBuffer })) };
  }

  static ofShared(shared: SharedDigests): PageDigests {
    const digests = new PageDigests([], () => Buffer.from(shared.key));
    digests.adopt(shared);
    return digests;
  }

  /** All regions as the other thread has them. INTERNAL for digests under another secret. */
  adopt({ key, regions }: SharedDigests): void {
    if (!this.#key.equals(key)) throw new Fault('INTERNAL', { expected: 'digests under the same secret' });
    for (const { region, digests } of regions) this.#adopt(region, digests);
  }

  #adopt(region: Region, digests: SharedArrayBuffer): void {
    const scratch = Buffer.alloc(keyBytes + region.pageBytes);
    this.#key.copy(scratch);
    this.#regions.set(region.id, { region, digests: Buffer.from(digests), zeroPage: Buffer.alloc(region.pageBytes), scratch });
  }

  #digest({ region, zeroPage, scratch }: DigestedRegion, bytes: Buffer, start: number): Buffer {
    if (bytes.compare(zeroPage, 0, region.pageBytes, start, start + region.pageBytes) === 0) return zeroMark;
    bytes.copy(scratch, keyBytes, start, start + region.pageBytes);
    // As Latin-1, byte for byte: a short string costs a third less than a buffer, which has memory outside of the heap.
    this.#found.write(hash('sha256', scratch, 'binary'), 'latin1');
    return this.#found;
  }

  /** True when it is another one than before. */
  #update({ digests }: DigestedRegion, page: number, digest: Buffer): boolean {
    const at = page * digestBytes;
    if (digests.compare(digest, 0, digestBytes, at, at + digestBytes) === 0) return false;
    digest.copy(digests, at, 0, digestBytes);
    return true;
  }

  #known(regionId: number, pages: Uint32Array, bytes?: Buffer): DigestedRegion {
    const known = this.#regions.get(regionId);
    if (known === undefined) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a region whose pages are followed', found: `region ${regionId}` });
    const { region, digests } = known;
    if (bytes !== undefined && bytes.length !== pages.length * region.pageBytes) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `${pages.length * region.pageBytes} bytes`, found: `${bytes.length}` });
    for (const page of pages) {
      if ((page + 1) * digestBytes > digests.length) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `pages below ${pageCountOf(region)}`, found: `${page}` });
    }
    return known;
  }
}

function sharedCopy(digests: Buffer): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(digests.length);
  digests.copy(Buffer.from(shared));
  return shared;
}
