import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** Where the pages of a memory image come from, seen from an older one of the same guest. Zero pages count nowhere. */
export interface PageOrigins {
  /** Of the newer image. */
  readonly pages: number;
  /** With the content of the same page of the older image: no checkpoint that stands on it sends them. */
  readonly same: number;
  /** Changed, but with the content of some other page of the older image: what sharing by content alone would save on top. */
  readonly moved: number;
}

const pageBytes = 4096;
const pieceBytes = 16 * 2 ** 20;
const zeros = Buffer.alloc(pageBytes);

export function pageOrigins(newer: string, older: string): PageOrigins {
  const known = new Set<string>();
  const places: string[] = [];
  for (const page of pagesOf(older)) {
    const digest = digestOf(page);
    places.push(digest);
    if (digest !== '') known.add(digest);
  }
  const found = { pages: 0, same: 0, moved: 0 };
  let place = 0;
  for (const page of pagesOf(newer)) {
    const digest = digestOf(page);
    const here = places[place];
    place += 1;
    if (digest === '') continue;
    found.pages += 1;
    if (digest === here) found.same += 1;
    else if (known.has(digest)) found.moved += 1;
  }
  return found;
}

/** Empty for a zero page. */
function digestOf(page: Buffer): string {
  return page.equals(zeros) ? '' : createHash('sha1').update(page).digest('base64');
}

function* pagesOf(path: string): Generator<Buffer> {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(pieceBytes);
  try {
    for (let at = 0; ; at += pieceBytes) {
      const length = readSync(file, buffer, 0, pieceBytes, at);
      if (length === 0) return;
      for (let page = 0; page < length; page += pageBytes) yield buffer.subarray(page, page + pageBytes);
    }
  } finally {
    closeSync(file);
  }
}
