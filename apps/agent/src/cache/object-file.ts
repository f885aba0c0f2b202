import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { limits, type ByteRange } from '@godwit/snapshot';
import { BlockIndex, gapsIn, hullOf } from './block-index.ts';
import { decodeHeader, encodeHeader, headerBytesMax, headerBytesOf, isIntact, type Block } from './record-layout.ts';

/** Twice an object, with its headers: blocks that were damaged are written anew, and what becomes longer is begun anew. */
const fileBytesMax = 2 * limits.objectBytesMax + 64 * 1024;
/** An object that is read in the smallest frames; more are begun anew too. */
const blocksMax = 2 * limits.packFramesMax;

/** What is there of a range, in a buffer as long and the caller's own: with all that is `missing` of it still to be filled in; no bytes where nothing is there. */
export type CacheAnswer =
  | { readonly bytes: Buffer; readonly missing: undefined }
  | { readonly bytes: Buffer | undefined; readonly missing: ByteRange };

/** What the warm cache has of one object: its file, and which blocks are in it. */
export class ObjectFile {
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #index = new BlockIndex();
  /** Where the next record goes. */
  #endBytes = 0;

  private constructor(name: string, file: FileHandle) {
    this.#name = name;
    this.#file = file;
  }

  /** Opens the file, and makes it where `create` says so and it is not there. What is no record of `name` at its end is cut off. */
  static async open(path: string, name: string, create: boolean): Promise<ObjectFile> {
    const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | (create ? constants.O_CREAT : 0), 0o600);
    const opened = new ObjectFile(name, file);
    try {
      await opened.#scan();
      return opened;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get lengthBytes(): number {
    return this.#endBytes;
  }

  /** Whether a range of `lengthBytes` may still be written to it. */
  hasRoom(lengthBytes: number): boolean {
    return this.#endBytes + lengthBytes + 2 * headerBytesOf(lengthBytes) <= fileBytesMax && this.#index.count < blocksMax;
  }

  /** What is there and intact of `range`. */
  async read(range: ByteRange): Promise<CacheAnswer> {
    const runs = runsOf(this.#index.within(range));
    const [only] = runs;
    if (only === undefined) return { bytes: undefined, missing: range };
    if (runs.length === 1 && gapsIn(range, only).length === 0) return await this.#readRun(range, only);
    const bytes = Buffer.allocUnsafe(range.lengthBytes);
    const intact: Block[] = [];
    for (const run of runs) {
      const found = await this.#bytesOf(run);
      for (const block of this.#intactOf(run, found)) {
        copyPart(block, partOf(run, block, found), range, bytes);
        intact.push(block);
      }
    }
    return answerOf(bytes, hullOf(gapsIn(range, intact)));
  }

  /** Adds what is not there yet of `bytes`, which lie at `offsetBytes` of the object. */
  async add(offsetBytes: number, bytes: Buffer): Promise<void> {
    const range = { offsetBytes, lengthBytes: bytes.length };
    for (const gap of gapsIn(range, this.#index.within(range))) {
      const start = gap.offsetBytes - offsetBytes;
      await this.#append(gap.offsetBytes, bytes.subarray(start, start + gap.lengthBytes));
    }
  }

  /** Has nothing of `range` any more. */
  forget(range: ByteRange): void {
    for (const block of this.#index.within(range)) this.#index.remove(block);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(offsetBytes: number, bytes: Buffer): Promise<void> {
    const header = encodeHeader(this.#name, offsetBytes, bytes);
    const atBytes = this.#endBytes;
    const { bytesWritten } = await this.#file.writev([header, bytes], atBytes);
    if (bytesWritten !== header.length + bytes.length) throw new Error(`${bytesWritten} of ${header.length + bytes.length} bytes written`);
    this.#endBytes += bytesWritten;
    for (const block of decodeHeader(this.#name, header, atBytes)?.blocks ?? []) this.#index.add(block);
  }

  async #scan(): Promise<void> {
    const found = await this.#file.stat();
    if (!found.isFile()) throw new Error('not a file');
    const size = found.size > fileBytesMax ? 0 : found.size;
    const header = Buffer.alloc(headerBytesMax);
    while (this.#endBytes < size && this.#index.count < blocksMax) {
      const { bytesRead } = await this.#file.read(header, 0, header.length, this.#endBytes);
      const record = decodeHeader(this.#name, header.subarray(0, bytesRead), this.#endBytes);
      if (record === undefined || this.#endBytes + record.recordBytes > size) break;
      for (const block of record.blocks) this.#index.add(block);
      this.#endBytes += record.recordBytes;
    }
    if (found.size > this.#endBytes) await this.#file.truncate(this.#endBytes);
  }

  /** One piece of the file has all of `range`: nothing is copied. */
  async #readRun(range: ByteRange, run: readonly Block[]): Promise<CacheAnswer> {
    const found = await this.#bytesOf(run);
    const missing = hullOf(gapsIn(range, this.#intactOf(run, found)));
    const start = range.offsetBytes - run[0]!.offsetBytes;
    if (found.length < start + range.lengthBytes) return { bytes: undefined, missing: range };
    return answerOf(found.subarray(start, start + range.lengthBytes), missing);
  }

  /** Those blocks of `run`, which `found` was read for, that are as they were written; the others are not there any more. */
  #intactOf(run: readonly Block[], found: Buffer): Block[] {
    return run.filter((block) => {
      const intact = isIntact(block, partOf(run, block, found));
      if (!intact) this.#index.remove(block);
      return intact;
    });
  }

  async #bytesOf(run: readonly Block[]): Promise<Buffer> {
    const [first, last] = [run[0]!, run.at(-1)!];
    const bytes = Buffer.allocUnsafe(last.atBytes + last.lengthBytes - first.atBytes);
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, first.atBytes);
    return bytes.subarray(0, bytesRead);
  }
}

function answerOf(bytes: Buffer, missing: ByteRange | undefined): CacheAnswer {
  return missing === undefined ? { bytes, missing } : { bytes, missing };
}

/** Blocks that lie one behind the other in the file too: one read each. */
function runsOf(blocks: readonly Block[]): Block[][] {
  const runs: Block[][] = [];
  for (const block of blocks) {
    const last = runs.at(-1)?.at(-1);
    if (last !== undefined && last.atBytes + last.lengthBytes === block.atBytes) runs.at(-1)!.push(block);
    else runs.push([block]);
  }
  return runs;
}

function partOf(run: readonly Block[], block: Block, found: Buffer): Buffer {
  const start = block.atBytes - run[0]!.atBytes;
  return found.subarray(start, start + block.lengthBytes);
}

/** The part of `range` that `block` holds, to its place in `into`. */
function copyPart(block: Block, bytes: Buffer, range: ByteRange, into: Buffer): void {
  const start = Math.max(block.offsetBytes, range.offsetBytes);
  const end = Math.min(block.offsetBytes + block.lengthBytes, range.offsetBytes + range.lengthBytes);
  bytes.copy(into, start - range.offsetBytes, start - block.offsetBytes, end - block.offsetBytes);
}
