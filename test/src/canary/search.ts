import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { formsOf, type Canary } from './canaries.ts';

const pieceBytes = 8 * 1024 * 1024;
/** The first bytes of a form choose the few forms that are then compared whole. */
const prefixBytes = 8;

interface Form {
  readonly canary: Canary;
  readonly bytes: Buffer;
}

export interface Finding {
  readonly canary: Canary;
  readonly place: string;
}

/** Looks for all forms of all canaries at once: one pass over the bytes, whatever their number. */
export class Search {
  /** One bit for each three bytes with which a form begins. */
  readonly #beginnings = new Uint8Array(2 ** 21);
  readonly #forms = new Map<string, Form[]>();
  readonly #longestBytes: number;
  searchedBytes = 0;

  constructor(canaries: readonly Canary[]) {
    let longest = 0;
    for (const canary of canaries) for (const bytes of formsOf(canary)) {
      const beginning = (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!;
      this.#beginnings[beginning >> 3]! |= 1 << (beginning & 7);
      const prefix = bytes.toString('latin1', 0, prefixBytes);
      this.#forms.set(prefix, [...(this.#forms.get(prefix) ?? []), { canary, bytes }]);
      longest = Math.max(longest, bytes.length);
    }
    this.#longestBytes = longest;
  }

  /** Each canary at most once. */
  bytes(bytes: Buffer, place: string): Finding[] {
    this.searchedBytes += bytes.length;
    const found = new Set<Canary>();
    this.#scan(bytes, found);
    return [...found].map((canary) => ({ canary, place }));
  }

  /** A file, or `lengthBytes` of it from `offset`, in pieces that overlap by the longest form. */
  file(path: string, place = path, offset = 0, lengthBytes = Number.POSITIVE_INFINITY): Finding[] {
    const file = openSync(path, 'r');
    try {
      const found = new Set<Canary>();
      const piece = Buffer.alloc(pieceBytes);
      let [at, kept] = [0, 0];
      while (at < lengthBytes) {
        const read = readSync(file, piece, kept, Math.min(pieceBytes - kept, lengthBytes - at), offset + at);
        if (read === 0) break;
        this.searchedBytes += read;
        at += read;
        this.#scan(piece.subarray(0, kept + read), found);
        const next = Math.min(this.#longestBytes - 1, kept + read);
        piece.copy(piece, 0, kept + read - next, kept + read);
        kept = next;
      }
      return [...found].map((canary) => ({ canary, place }));
    } finally {
      closeSync(file);
    }
  }

  /** Every file below `directory` that `accepts` likes, and the names of all of them. */
  tree(directory: string, accepts: (path: string) => boolean = () => true): Finding[] {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(directory, name))
      .filter(accepts)
      .flatMap((path) => [...this.bytes(Buffer.from(path), `name of ${path}`), ...(lstatSync(path).isFile() ? this.file(path) : [])]);
  }

  #scan(bytes: Buffer, found: Set<Canary>): void {
    const beginnings = this.#beginnings;
    const end = bytes.length - prefixBytes;
    for (let at = 0; at <= end; at++) {
      const beginning = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if ((beginnings[beginning >> 3]! & (1 << (beginning & 7))) === 0) continue;
      for (const form of this.#forms.get(bytes.toString('latin1', at, at + prefixBytes)) ?? []) {
        if (bytes.compare(form.bytes, 0, form.bytes.length, at, Math.min(bytes.length, at + form.bytes.length)) === 0) found.add(form.canary);
      }
    }
  }
}
