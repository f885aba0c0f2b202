import type { Extent } from '../machine/image-tool.ts';

/** Where the newest content of one disk page (cluster) lies: in which layer, at which offset of its file, or zero. */
export interface PageSource {
  readonly page: number;
  /** Index into the layers given; undefined: the page reads as zero. */
  readonly layer: number | undefined;
  readonly offsetBytes: number;
}

/**
 * What a chain of frozen layers says of a disk, page by page: for each page that any of them has, the topmost one that
 * does. Pages that none of them has are not listed: they are as in the parent checkpoint. Pure.
 *
 * `layers`: bottom first, each with its own extents in order. A layer holds whole pages (its cluster is a page), except a
 * raw image at the bottom, whose extents may be finer; a page with any data in it counts as data.
 * Time O(extents + pages).
 */
export function newestPages(layers: readonly (readonly Extent[])[], pageBytes: number): PageSource[] {
  const newest = new Map<number, PageSource>();
  layers.forEach((extents, layer) => {
    for (const extent of extents) {
      if (!extent.present) continue;
      const first = Math.floor(extent.startBytes / pageBytes);
      const last = Math.ceil((extent.startBytes + extent.lengthBytes) / pageBytes);
      for (let page = first; page < last; page++) {
        if (extent.offsetBytes !== undefined) {
          newest.set(page, { page, layer, offsetBytes: extent.offsetBytes + (page * pageBytes - extent.startBytes) });
        } else if (newest.get(page)?.layer !== layer) {
          newest.set(page, { page, layer: undefined, offsetBytes: 0 });
        }
      }
    }
  });
  return [...newest.values()].sort((a, b) => a.page - b.page);
}
