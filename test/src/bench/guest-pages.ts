import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants, crc32, zstdCompressSync } from 'node:zlib';
import { guestRange } from '../canary/guest-memory.ts';

/** A guest's memory as the kernel shows that of its QEMU, for peers that back up a memory image and for what really changed in it. */

const pageBytes = 4096;
const pieceBytes = 16 * 2 ** 20;

export interface Changed {
  readonly pages: number;
  /** What `zstd -1` makes of all these pages together. */
  readonly compressedBytes: number;
}

/** Copies the guest's memory into `path` piece by piece. The guest runs on meanwhile, as it does under a backup program. */
export function saveMemory(pid: number, memoryBytes: number, path: string): void {
  const [from, to] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(path, 'w')];
  try {
    for (const { at, piece } of pieces(from, pid, memoryBytes)) writeSync(to, piece, 0, piece.length, at);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

/** A checksum per page of a guest's memory, kept from one look at it to the next. */
export class SeenMemory {
  readonly #sums: Uint32Array;
  readonly #memoryBytes: number;

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes;
    this.#sums = new Uint32Array(memoryBytes / pageBytes);
  }

  remember(pid: number): void {
    this.#scan(pid, () => undefined);
  }

  /** What differs from the last time; remembers what is there now. The guest runs on meanwhile. */
  look(pid: number): Changed {
    const changed: Buffer[] = [];
    this.#scan(pid, (page) => changed.push(Buffer.from(page)));
    const compressed = zstdCompressSync(Buffer.concat(changed), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    return { pages: changed.length, compressedBytes: compressed.length };
  }

  #scan(pid: number, onChange: (page: Buffer) => void): void {
    const from = openSync(`/proc/${pid}/mem`, 'r');
    try {
      for (const { at, piece } of pieces(from, pid, this.#memoryBytes)) {
        for (let offset = 0; offset < piece.length; offset += pageBytes) {
          const [page, number] = [piece.subarray(offset, offset + pageBytes), (at + offset) / pageBytes];
          const sum = crc32(page);
          if (sum !== this.#sums[number]) onChange(page);
          this.#sums[number] = sum;
        }
      }
    } finally {
      closeSync(from);
    }
  }
}

function* pieces(from: number, pid: number, memoryBytes: number): Generator<{ at: number; piece: Buffer }> {
  const { offset } = guestRange(pid, memoryBytes);
  const buffer = Buffer.alloc(pieceBytes);
  for (let at = 0; at < memoryBytes; at += pieceBytes) {
    const length = readSync(from, buffer, 0, Math.min(pieceBytes, memoryBytes - at), offset + at);
    if (length <= 0) throw new Error(`the memory of process ${pid} ends at ${at}`);
    yield { at, piece: buffer.subarray(0, length) };
  }
}
