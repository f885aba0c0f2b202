import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { zstdCompressSync, constants } from 'node:zlib';
import { guestRange } from '../canary/guest-memory.ts';

/** A guest's memory as the kernel shows that of its QEMU, for peers that back up a memory image and for what really changed in it. */

const pageBytes = 4096;
const pieceBytes = 16 * 2 ** 20;

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

/** Pages that differ from the image at `path`, and what `zstd -1` makes of all of them together. */
export function changedPages(pid: number, memoryBytes: number, path: string): { readonly pages: number; readonly compressedBytes: number } {
  const [from, before] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(path, 'r')];
  const old = Buffer.alloc(pieceBytes);
  const changed: Buffer[] = [];
  try {
    for (const { at, piece } of pieces(from, pid, memoryBytes)) {
      readSync(before, old, 0, piece.length, at);
      for (let page = 0; page < piece.length; page += pageBytes) {
        if (piece.compare(old, page, page + pageBytes, page, page + pageBytes) !== 0) changed.push(Buffer.from(piece.subarray(page, page + pageBytes)));
      }
    }
  } finally {
    closeSync(from);
    closeSync(before);
  }
  const compressed = zstdCompressSync(Buffer.concat(changed), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return { pages: changed.length, compressedBytes: compressed.length };
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
