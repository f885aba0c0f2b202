import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ByteRange } from '@godwit/snapshot';
import fc from 'fast-check';
import { BlockIndex, gapsIn, hullOf } from './block-index.ts';

const space = 200;
const anyRange = fc.tuple(fc.nat({ max: space - 1 }), fc.integer({ min: 1, max: 40 })).map(([offsetBytes, lengthBytes]): ByteRange => ({ offsetBytes, lengthBytes }));
const blockOf = (range: ByteRange, atBytes: number) => ({ ...range, crc: 0, atBytes });
const bytesOf = ({ offsetBytes, lengthBytes }: ByteRange): number[] => Array.from({ length: lengthBytes }, (_, at) => offsetBytes + at);

describe('the blocks of an object', () => {
  test('do not overlap, and the later one takes the place of those it meets', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 30 }), (ranges) => {
        const index = new BlockIndex();
        let model: ReturnType<typeof blockOf>[] = [];
        ranges.forEach((range, at) => {
          const added = bytesOf(range);
          model = [...model.filter((block) => !bytesOf(block).some((byte) => added.includes(byte))), blockOf(range, at)];
          index.add(blockOf(range, at));
        });
        assert.deepEqual(index.within({ offsetBytes: 0, lengthBytes: 2 * space }), model.sort((a, b) => a.offsetBytes - b.offsetBytes));
        assert.equal(index.count, model.length);
      }),
    );
  });

  test('and gaps make up any range, each byte once', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 10 }), anyRange, (ranges, wanted) => {
        const index = new BlockIndex();
        ranges.forEach((range, at) => index.add(blockOf(range, at)));
        const held = index.within(wanted);
        const gaps = gapsIn(wanted, held);
        const all = [...held.flatMap(bytesOf).filter((byte) => bytesOf(wanted).includes(byte)), ...gaps.flatMap(bytesOf)].sort((a, b) => a - b);
        assert.deepEqual(all, bytesOf(wanted));
        const hull = hullOf(gaps);
        assert.deepEqual(hull === undefined ? undefined : [hull.offsetBytes, hull.offsetBytes + hull.lengthBytes], gaps.length === 0 ? undefined : [gaps[0]!.offsetBytes, Math.max(...gaps.flatMap(bytesOf)) + 1]);
      }),
    );
  });

  test('a block that is removed is gone, another in its place is not', () => {
    const index = new BlockIndex();
    const [first, second] = [blockOf({ offsetBytes: 0, lengthBytes: 10 }, 0), blockOf({ offsetBytes: 5, lengthBytes: 10 }, 1)];
    index.add(first);
    index.add(second);
    index.remove(first);
    assert.deepEqual(index.within({ offsetBytes: 0, lengthBytes: 20 }), [second]);
    index.remove(second);
    assert.equal(index.count, 0);
  });
});
