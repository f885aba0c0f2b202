import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** The memory of a guest, as the kernel shows that of its QEMU: read and written without QEMU, the guest or the agent taking part. */

const pageBytes = 4096;
const pieceBytes = 8 * 1024 * 1024;

export interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Where a QEMU keeps `memoryBytes` of guest RAM: its only writable mapping that is exactly as long. */
export function guestRange(pid: number, memoryBytes: number): Range {
  const found = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (match === null) return [];
    const offset = Number.parseInt(match[1]!, 16);
    return Number.parseInt(match[2]!, 16) - offset === memoryBytes ? [{ offset, lengthBytes: memoryBytes }] : [];
  });
  if (found.length !== 1) throw new Error(`QEMU ${pid} has ${found.length} mappings of ${memoryBytes} bytes`);
  return found[0]!;
}

/** Offsets of the guest's pages that hold nothing but zeros: memory that no program of the guest uses. */
export function emptyPages(pid: number, { offset, lengthBytes }: Range): number[] {
  const file = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const piece = Buffer.alloc(pieceBytes);
    const zeros = Buffer.alloc(pageBytes);
    const pages: number[] = [];
    for (let at = 0; at < lengthBytes; at += pieceBytes) {
      readSync(file, piece, 0, pieceBytes, offset + at);
      for (let page = 0; page < pieceBytes; page += pageBytes) if (piece.compare(zeros, 0, pageBytes, page, page + pageBytes) === 0) pages.push(offset + at + page);
    }
    return pages;
  } finally {
    closeSync(file);
  }
}

export function writeMemory(pid: number, writes: readonly { readonly offset: number; readonly bytes: Buffer }[]): void {
  const file = openSync(`/proc/${pid}/mem`, 'r+');
  try {
    for (const { offset, bytes } of writes) writeSync(file, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(file);
  }
}
