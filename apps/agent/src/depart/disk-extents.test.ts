import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Extent } from '../machine/image-tool.ts';
import { newestPages, type PageSource } from './disk-extents.ts';

const pageBytes = 65_536;
type Kind = 'absent' | 'zero' | 'data';
interface Run { readonly kind: Kind; readonly pages: number }

/** A layer as qemu-img maps it: runs of whole pages, each data run somewhere in the file (`place` keeps two from being neighbours). */
function layerOf(runs: readonly Run[], place: number): Extent[] {
  let page = 0;
  return runs.map(({ kind, pages }, index) => {
    const startBytes = page * pageBytes;
    page += pages;
    const offsetBytes = kind === 'data' ? (1 + place + (runs.length - index) * 100) * pageBytes : undefined;
    return { startBytes, lengthBytes: pages * pageBytes, present: kind !== 'absent', zero: kind !== 'data', offsetBytes };
  });
}

/** The same, one page at a time: the topmost layer that has the page says what it is. */
function modelOf(layers: readonly (readonly Extent[])[], pages: number): PageSource[] {
  const found: PageSource[] = [];
  for (let page = 0; page < pages; page++) {
    for (let layer = layers.length - 1; layer >= 0; layer--) {
      const at = page * pageBytes;
      const extent = layers[layer]!.find(({ startBytes, lengthBytes }) => startBytes <= at && at < startBytes + lengthBytes);
      if (extent?.present !== true) continue;
      found.push(extent.offsetBytes === undefined ? { page, layer: undefined, offsetBytes: 0 } : { page, layer, offsetBytes: extent.offsetBytes + at - extent.startBytes });
      break;
    }
  }
  return found;
}

const extent = (startBytes: number, lengthBytes: number, kind: Kind, offsetBytes = startBytes): Extent => ({ startBytes, lengthBytes, present: kind !== 'absent', zero: kind !== 'data', offsetBytes: kind === 'data' ? offsetBytes : undefined });

describe('the newest pages of a chain', () => {
  test('are those of the topmost layer that has them, in order', () => {
    const run = fc.record({ kind: fc.constantFrom<Kind>('absent', 'zero', 'data'), pages: fc.integer({ min: 1, max: 8 }) });
    fc.assert(fc.property(fc.array(fc.array(run, { maxLength: 8 }), { maxLength: 4 }), (stacks) => {
      const layers = stacks.map((runs, place) => layerOf(runs, place));
      assert.deepEqual(newestPages(layers, pageBytes), modelOf(layers, 64));
    }), { numRuns: 300 });
  });

  test('say nothing of what no layer has', () => {
    assert.deepEqual(newestPages([], pageBytes), []);
    assert.deepEqual(newestPages([[], [extent(0, 4 * pageBytes, 'absent')]], pageBytes), []);
  });

  test('a zero on top hides data below, and data on top a zero', () => {
    const data = [extent(0, pageBytes, 'data', 7 * pageBytes)];
    const zero = [extent(0, pageBytes, 'zero')];
    assert.deepEqual(newestPages([data, zero], pageBytes), [{ page: 0, layer: undefined, offsetBytes: 0 }]);
    assert.deepEqual(newestPages([zero, data], pageBytes), [{ page: 0, layer: 1, offsetBytes: 7 * pageBytes }]);
    assert.deepEqual(newestPages([data, zero, data], pageBytes), [{ page: 0, layer: 2, offsetBytes: 7 * pageBytes }]);
  });

  test('a page of a raw image with any data in it is data, wherever in it that lies', () => {
    const sector = 512;
    const whole = [{ page: 0, layer: 0, offsetBytes: 0 }];
    assert.deepEqual(newestPages([[extent(0, sector, 'data'), extent(sector, pageBytes - sector, 'zero')]], pageBytes), whole);
    assert.deepEqual(newestPages([[extent(0, pageBytes - sector, 'zero'), extent(pageBytes - sector, sector, 'data')]], pageBytes), whole);
    assert.deepEqual(newestPages([[extent(0, sector, 'zero'), extent(sector, sector, 'data'), extent(2 * sector, pageBytes - 2 * sector, 'zero')]], pageBytes), whole);
  });

  test('finer extents of a raw image agree with a model that looks at every sector', () => {
    const sectorsPerPage = 8;
    const sectorBytes = pageBytes / sectorsPerPage;
    fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 12 })), { maxLength: 12 }), (runs) => {
      const sectors = runs.flatMap(([data, count]) => Array<boolean>(count).fill(data));
      let sector = 0;
      const extents = runs.map(([data, count]) => {
        const startBytes = sector * sectorBytes;
        sector += count;
        return extent(startBytes, count * sectorBytes, data ? 'data' : 'zero');
      });
      const expected = Array.from({ length: Math.ceil(sectors.length / sectorsPerPage) }, (_, page) =>
        sectors.slice(page * sectorsPerPage, (page + 1) * sectorsPerPage).includes(true) ? { page, layer: 0, offsetBytes: page * pageBytes } : { page, layer: undefined, offsetBytes: 0 });
      assert.deepEqual(newestPages([extents], pageBytes), expected);
    }));
  });

  test('the last page may be short', () => {
    assert.deepEqual(newestPages([[extent(0, pageBytes + 1, 'data', 5 * pageBytes)]], pageBytes).map(({ page }) => page), [0, 1]);
  });
});
