import { Fault } from '@godwit/base';
import { openFramesMax, regionsMax, tableLeavesMax } from './limits.ts';
import { lastPageBytes, OpenFrame } from './page-frame.ts';
import { PageTableBuilder, type TouchedLeaves } from './page-table-builder.ts';
import { leafCountOf, pageCountOf, type Region } from './region.ts';

/** Frames that are filled one after the other. */
interface FrameRow {
  /** Takes the next page. */
  open: OpenFrame | undefined;
  /** A page of the open frame became zero: it must not come into that frame a second time, so the frame takes no more. */
  openIsSpent: boolean;
}

/** A region while it is written: its part of the page table, and the frames that take the next page. */
interface FramedRegion {
  readonly region: Region;
  readonly table: PageTableBuilder;
  readonly zeroPage: Buffer;
  readonly rest: FrameRow;
  /** For the pages that belong together. */
  readonly gathered: ReadonlyMap<number, FrameRow>;
}

/** What one framer knows when its frames are closed, in a form that crosses threads. */
export interface FramedPages {
  readonly regions: readonly { readonly region: Region; readonly touched: TouchedLeaves }[];
  /** Their numbers are below this. */
  readonly frames: number;
  readonly pagesWritten: number;
  readonly pagesZero: number;
}

/** Where a framer's frames come from and go. */
export interface FrameOutlet {
  /** Memory for one frame of the region, at least as long as a full one. */
  memory(region: Region): Buffer;
  /** A frame that takes no more pages; it and its memory are the outlet's. */
  closed(frame: OpenFrame): void;
}

/**
 * Puts pages into frames and notes in the page table which frame and slot holds each. Waits for nothing: whoever calls sees to it that the
 * outlet has memory. Holds at most `openFramesMax` open frames, and 5 bytes per page of the leaves that it touches.
 */
export class PageFramer {
  readonly #outlet: FrameOutlet;
  readonly #regions = new Map<number, FramedRegion>();
  /** Those with an open frame, the one that has been open longest first. */
  readonly #openRows = new Set<FrameRow>();
  #frames = 0;
  #pagesWritten = 0;
  #pagesZero = 0;

  constructor(outlet: FrameOutlet) {
    this.#outlet = outlet;
  }

  get pagesWritten(): number {
    return this.#pagesWritten;
  }

  get pagesZero(): number {
    return this.#pagesZero;
  }

  /** Ascending by region id. */
  get tables(): PageTableBuilder[] {
    return [...this.#regions.values()].map(({ table }) => table).sort((a, b) => a.region.id - b.region.id);
  }

  /**
   * `together`: groups of pages that are wanted together. Each comes into frames of its own, so that it is fetched with few requests and nothing beside it.
   * VALUE_OUT_OF_RANGE when the id is taken or the checkpoint gets too many regions or leaves.
   */
  addRegion(region: Region, { touched, together = [] }: { readonly touched?: TouchedLeaves; readonly together?: Iterable<Iterable<number>> } = {}): void {
    const leaves = [...this.#regions.values()].reduce((sum, framed) => sum + leafCountOf(framed.region), leafCountOf(region));
    if (this.#regions.has(region.id) || this.#regions.size >= regionsMax || leaves > tableLeavesMax) {
      throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `at most ${regionsMax} regions, each id once, ${tableLeavesMax} leaves`, found: `region ${region.id}, ${leaves} leaves` });
    }
    const gathered = new Map<number, FrameRow>();
    for (const group of together) {
      const row = emptyRow();
      for (const page of group) gathered.set(page, row);
    }
    this.#regions.set(region.id, { region, table: new PageTableBuilder(region, touched), zeroPage: Buffer.alloc(region.pageBytes), rest: emptyRow(), gathered });
  }

  /**
   * Whole pages of one region, `bytes` holding them in the order of `pages`. A page put before is replaced; pages of zeros become zero
   * pages. What lies beyond the end of the region is cleared in `bytes`, which is free again afterwards. VALUE_OUT_OF_RANGE.
   */
  put(regionId: number, pages: Uint32Array, bytes: Buffer): void {
    const framed = this.#framed(regionId);
    const { region } = framed;
    const { pageBytes } = region;
    if (bytes.length !== pages.length * pageBytes) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `${pages.length * pageBytes} bytes`, found: `${bytes.length}` });
    checkPages(region, pages);
    const lastPage = pageCountOf(region) - 1;
    for (let index = 0; index < pages.length; index += 1) {
      const page = pages[index]!;
      const start = index * pageBytes;
      if (page === lastPage) bytes.fill(0, start + lastPageBytes(region), start + pageBytes);
      if (bytes.compare(framed.zeroPage, 0, pageBytes, start, start + pageBytes) === 0) this.#setZero(framed, page);
      else this.#putPage(framed, page, bytes, start);
    }
  }

  /** These pages are zero from now on. */
  putZero(regionId: number, pages: Uint32Array): void {
    const framed = this.#framed(regionId);
    checkPages(framed.region, pages);
    for (const page of pages) this.#setZero(framed, page);
  }

  /** Closes the frames that are open. */
  close(): void {
    for (const row of this.#openRows) this.#close(row);
  }

  /** What was framed, once it is closed. */
  framed(): FramedPages {
    const regions = this.tables.map(({ region, touched }) => ({ region, touched }));
    return { regions, frames: this.#frames, pagesWritten: this.#pagesWritten, pagesZero: this.#pagesZero };
  }

  /** Goes on from what another framer did; INTERNAL when this one has begun. */
  adopt({ regions, frames, pagesWritten, pagesZero }: FramedPages): void {
    if (this.#frames > 0) throw new Fault('INTERNAL', { expected: 'a framer without frames', found: `${this.#frames}` });
    for (const { region, touched } of regions) this.addRegion(region, { touched });
    this.#frames = frames;
    this.#pagesWritten += pagesWritten;
    this.#pagesZero += pagesZero;
  }

  #putPage({ region, table, rest, gathered }: FramedRegion, page: number, bytes: Buffer, start: number): void {
    this.#pagesWritten += 1;
    const row = gathered.get(page) ?? rest;
    if (row.openIsSpent) this.#close(row);
    const open = row.open ?? this.#open(row, region);
    const slot = table.slotIn(open.number, page);
    if (slot === undefined) table.setFrame(page, open.number, open.add(page, bytes, start));
    else open.replace(slot, bytes, start);
    if (open.full) this.#close(row);
  }

  #setZero({ gathered, rest, table }: FramedRegion, page: number): void {
    const row = gathered.get(page) ?? rest;
    if (row.open !== undefined && table.slotIn(row.open.number, page) !== undefined) row.openIsSpent = true;
    table.setZero(page);
    this.#pagesZero += 1;
  }

  /** An open frame holds memory that others wait for: where there are too many, the one that fills so slowly goes as it is. */
  #open(row: FrameRow, region: Region): OpenFrame {
    const [longest] = this.#openRows;
    if (longest !== undefined && this.#openRows.size >= openFramesMax) this.#close(longest);
    row.open = new OpenFrame(region, this.#frames++, this.#outlet.memory(region));
    this.#openRows.add(row);
    return row.open;
  }

  #close(row: FrameRow): void {
    const { open } = row;
    row.open = undefined;
    row.openIsSpent = false;
    this.#openRows.delete(row);
    if (open !== undefined) this.#outlet.closed(open);
  }

  #framed(regionId: number): FramedRegion {
    const framed = this.#regions.get(regionId);
    if (framed === undefined) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a region of the checkpoint', found: `region ${regionId}` });
    return framed;
  }
}

function emptyRow(): FrameRow {
  return { open: undefined, openIsSpent: false };
}

function checkPages(region: Region, pages: Uint32Array): void {
  const pageCount = pageCountOf(region);
  for (const page of pages) {
    if (page >= pageCount) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `pages below ${pageCount}`, found: `${page}` });
  }
}
