import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openFramesMax } from './limits.ts';
import { decodePageFrame, pageOf, type Frame } from './page-frame.ts';
import { PageFramer } from './page-framer.ts';
import { defineRegion } from './region.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 200 * 4096 });

/** A framer of one region, the frames that it closed, by number, and how many were open at the same time at the most. */
function framing(together: readonly (readonly number[])[]): { framer: PageFramer; frames: Map<number, Frame>; mostOpen: () => number } {
  const frames = new Map<number, Frame>();
  let [opened, mostOpen] = [0, 0];
  const memory = (): Buffer => {
    mostOpen = Math.max(mostOpen, (opened += 1) - frames.size);
    return Buffer.alloc(300_000);
  };
  const framer = new PageFramer({ memory, closed: (frame) => frames.set(frame.number, decodePageFrame(frame.encode(), ram)) });
  framer.addRegion(ram, { together });
  return { framer, frames, mostOpen: () => mostOpen };
}

const content = (mark: number): Buffer => Buffer.alloc(4096, `${mark} `);
const page = fc.integer({ min: 0, max: 199 });

describe('pages put into frames', () => {
  test('are found again as they were put last, and those that belong together lie among themselves', () => {
    fc.assert(
      fc.property(fc.uniqueArray(page, { maxLength: 120 }), fc.integer({ min: 1, max: 20 }), fc.array(fc.record({ pages: fc.uniqueArray(page, { minLength: 1, maxLength: 70 }), zero: fc.boolean() }), { maxLength: 20 }), (together, groups, calls) => {
        const groupOf = new Map(together.map((number, at) => [number, at % groups]));
        const { framer, frames, mostOpen } = framing(Array.from({ length: groups }, (_, group) => together.filter((number) => groupOf.get(number) === group)));
        const expected = new Map<number, number>();
        for (const [call, { pages, zero }] of calls.entries()) {
          if (zero) framer.putZero(1, Uint32Array.from(pages));
          else framer.put(1, Uint32Array.from(pages), Buffer.concat(pages.map(() => content(call + 1))));
          for (const number of pages) expected.set(number, zero ? 0 : call + 1);
        }
        framer.close();
        const [table] = framer.tables;
        for (const [number, mark] of expected) {
          const found = [...frames].filter(([frame]) => table!.slotIn(frame, number) !== undefined);
          assert.equal(found.length, mark === 0 ? 0 : 1);
          for (const [at, frame] of found) assert.ok(pageOf(frame, table!.slotIn(at, number)!).equals(content(mark)));
        }
        for (const { pages } of frames.values()) assert.equal(new Set([...pages].map((number) => groupOf.get(number))).size, 1);
        assert.ok(mostOpen() <= openFramesMax, `${mostOpen()} frames were open`);
      }),
    );
  });

  test('of a working set take as few frames as they fill', () => {
    const together = Array.from({ length: 128 }, (_, at) => at + Math.floor(at / 2));
    const { framer, frames } = framing([together]);
    const all = Uint32Array.from({ length: 200 }, (_, at) => at);
    framer.put(1, all, Buffer.concat(Array.from(all, () => content(1))));
    framer.close();
    assert.deepEqual([...frames.values()].map(({ pages }) => pages.length).sort((a, b) => a - b), [8, 64, 64, 64]);
  });
});
