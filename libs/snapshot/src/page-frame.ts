import { Fault } from '@godwit/base';
import { frameHeaderBytes } from './limits.ts';
import { framePagesOf, pageCountOf, type Region } from './region.ts';

/** Pages of one region as they were read back. */
export interface Frame {
  readonly regionId: number;
  /** In slot order; each page number once. */
  readonly pages: Uint32Array;
  /** `pages.length` whole pages in slot order. */
  readonly bytes: Buffer;
}

/** Bytes of the plaintext of a frame with `count` pages. */
export function pageFrameBytes(region: Region, count: number): number {
  return frameHeaderBytes + count * (4 + region.pageBytes);
}

/** Not from Node's pool: it may be given to another thread. */
export function fullFrameMemory(region: Region): Buffer {
  return Buffer.allocUnsafeSlow(pageFrameBytes(region, framePagesOf(region.kind)));
}

/** A frame that is being filled, page by page; the slot of a page is the order in which it came. */
export class OpenFrame {
  readonly region: Region;
  /** The writer's own number of this frame, until it has a place in a pack. */
  readonly number: number;
  readonly #pages: Uint32Array;
  /** The plaintext of a full frame: the pages already lie where they belong, so that a full frame is never copied. */
  readonly #plain: Buffer;
  readonly #pagesStart: number;
  #count = 0;

  /** `memory`: at least as long as a full frame; the frame's own unless told. */
  constructor(region: Region, number: number, memory: Buffer = fullFrameMemory(region)) {
    this.region = region;
    this.number = number;
    const capacity = framePagesOf(region.kind);
    this.#pages = new Uint32Array(capacity);
    this.#plain = memory;
    this.#pagesStart = frameHeaderBytes + capacity * 4;
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count === this.#pages.length;
  }

  /** Copies one page in and returns its slot. */
  add(page: number, source: Buffer, sourceOffset: number): number {
    const slot = this.#count;
    this.#pages[slot] = page;
    this.#count += 1;
    this.replace(slot, source, sourceOffset);
    return slot;
  }

  /** Overwrites the page in `slot`. */
  replace(slot: number, source: Buffer, sourceOffset: number): void {
    const { pageBytes } = this.region;
    source.copy(this.#plain, this.#pagesStart + slot * pageBytes, sourceOffset, sourceOffset + pageBytes);
  }

  /** region u16, count u16, page numbers u32, pages. The last call: the bytes are the frame's own. */
  encode(): Buffer {
    const { region } = this;
    const plain = this.#plain;
    plain.writeUInt16BE(region.id, 0);
    plain.writeUInt16BE(this.#count, 2);
    let offset = frameHeaderBytes;
    for (const page of this.#pages.subarray(0, this.#count)) offset = plain.writeUInt32BE(page, offset);
    if (!this.full) plain.copy(plain, offset, this.#pagesStart, this.#pagesStart + this.#count * region.pageBytes);
    return plain.subarray(0, pageFrameBytes(region, this.#count));
  }
}

/** Takes an opened plaintext apart; FRAME_CORRUPT unless it is the one encoding of pages of `region`. */
export function decodePageFrame(plain: Buffer, region: Region): Frame {
  const refuse = (expected: string, found: string): never => {
    throw new Fault('FRAME_CORRUPT', { subject: `region ${region.id}`, expected, found });
  };
  if (plain.length < frameHeaderBytes) refuse('a header', `${plain.length} bytes`);
  const regionId = plain.readUInt16BE(0);
  const count = plain.readUInt16BE(2);
  if (regionId !== region.id) refuse(`pages of region ${region.id}`, `region ${regionId}`);
  if (count < 1 || count > framePagesOf(region.kind)) refuse(`1 to ${framePagesOf(region.kind)} pages`, `${count}`);
  if (plain.length !== pageFrameBytes(region, count)) refuse(`${pageFrameBytes(region, count)} bytes`, `${plain.length}`);
  const pages = new Uint32Array(count);
  for (let slot = 0; slot < count; slot += 1) pages[slot] = plain.readUInt32BE(frameHeaderBytes + slot * 4);
  const bytes = plain.subarray(frameHeaderBytes + count * 4);
  const pageCount = pageCountOf(region);
  const outside = pages.find((page) => page >= pageCount);
  if (outside !== undefined) refuse(`pages below ${pageCount}`, `page ${outside}`);
  if (new Set(pages).size !== count) refuse('each page once', 'a page twice');
  checkShortPage(pages, bytes, region, refuse);
  return { regionId, pages, bytes };
}

/** Bytes of the page at `slot`: a view. */
export function pageOf(frame: Frame, slot: number): Buffer {
  const pageBytes = frame.bytes.length / frame.pages.length;
  return frame.bytes.subarray(slot * pageBytes, (slot + 1) * pageBytes);
}

/** Bytes of the last page that lie inside the region; the rest is padding. */
export function lastPageBytes({ lengthBytes, pageBytes }: Region): number {
  return lengthBytes % pageBytes === 0 ? pageBytes : lengthBytes % pageBytes;
}

function checkShortPage(pages: Uint32Array, bytes: Buffer, region: Region, refuse: (expected: string, found: string) => never): void {
  const inside = lastPageBytes(region);
  const slot = inside === region.pageBytes ? -1 : pages.indexOf(pageCountOf(region) - 1);
  if (slot === -1) return;
  const padding = bytes.subarray(slot * region.pageBytes + inside, (slot + 1) * region.pageBytes);
  if (padding.some((byte) => byte !== 0)) refuse('zeros beyond the end of the region', 'other bytes');
}
