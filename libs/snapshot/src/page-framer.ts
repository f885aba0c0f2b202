import { Fault } from '@godwit/base';
import { regionsMax, tableLeavesMax } from './limits.ts';
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
  readonly rows: readonly FrameRow[];
  readonly rest: FrameRow;
  /** For the pages that belong together. */
  readonly gathered: FrameRow;
  readonly together: ReadonlySet<number>;
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
 * outlet has memory. Holds one open frame per region, two where pages belong together, and 5 bytes per page of the leaves that it touches.
 */
export class PageFramer {
  readonly #outlet: FrameOutlet;
  readonly #regions = new Map<number, FramedRegion>();
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
   * `together`: pages that are wanted together come into frames of their own, so that they are fetched with few requests and nothing beside them.
   * VALUE_OUT_OF_RANGE when the id is taken or the checkpoint gets too many regions or leaves.
   */
  addRegion(region: Region, { touched, together = [] }: { readonly touched?: TouchedLeaves; readonly together?: Iterable<number> } = {}): void {
    const leaves = [...this.#regions.values()].reduce((sum, framed) => sum + leafCountOf(framed.region), leafCountOf(region));
    if (this.#regions.has(region.id) || this.#regions.size >= regionsMax || leaves > tableLeavesMax) {
      throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `at most ${regionsMax} regions, each id once, ${tableLeavesMax} leaves`, found: `region ${region.id}, ${leaves} leaves` });
    }
    const [rest, gathered]: [FrameRow, FrameRow] = [{ open: undefined, openIsSpent: false }, { open: undefined, openIsSpent: false }];
    this.#regions.set(region.id, { region, table: new PageTableBuilder(region, touched), zeroPage: Buffer.alloc(region.pageBytes), rows: [rest, gathered], rest, gathered, together: new Set(together) });
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
    for (const { rows } of this.#regions.values()) for (const row of rows) this.#close(row);
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

  #putPage({ region, table, rest, gathered, together }: FramedRegion, page: number, bytes: Buffer, start: number): void {
    this.#pagesWritten += 1;
    const row = together.has(page) ? gathered : rest;
    if (row.openIsSpent) this.#close(row);
    row.open ??= new OpenFrame(region, this.#frames++, this.#outlet.memory(region));
    const slot = table.slotIn(row.open.number, page);
    if (slot === undefined) table.setFrame(page, row.open.number, row.open.add(page, bytes, start));
    else row.open.replace(slot, bytes, start);
    if (row.open.full) this.#close(row);
  }

  #setZero({ rows, table }: FramedRegion, page: number): void {
    for (const row of rows) if (row.open !== undefined && table.slotIn(row.open.number, page) !== undefined) row.openIsSpent = true;
    table.setZero(page);
    this.#pagesZero += 1;
  }

  #close(row: FrameRow): void {
    const { open } = row;
    row.open = undefined;
    row.openIsSpent = false;
    if (open !== undefined) this.#outlet.closed(open);
  }

  #framed(regionId: number): FramedRegion {
    const framed = this.#regions.get(regionId);
    if (framed === undefined) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a region of the checkpoint', found: `region ${regionId}` });
    return framed;
  }
}

function checkPages(region: Region, pages: Uint32Array): void {
  const pageCount = pageCountOf(region);
  for (const page of pages) {
    if (page >= pageCount) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `pages below ${pageCount}`, found: `${page}` });
  }
}
