import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '@godwit/base';
import fc from 'fast-check';
import { decodeWorkingSet, encodeWorkingSet, groupsOf, isProbed, mergeWorkingSet, nameOf, workingPagesMax, workingSetBytesMax, type WorkingPage } from './working-set.ts';

const page = fc.record({ regionId: fc.integer({ min: 0, max: 3 }), page: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })) }, { noNullPrototype: true });
const set = fc.uniqueArray(page, { selector: nameOf, maxLength: 300 });

/** Bytes of a set with these runs, however wrong. */
function runsOf(...runs: readonly (readonly [regionId: number, first: number, count: number])[]): Buffer {
  const bytes = Buffer.alloc(10 + runs.length * 8);
  bytes.write('GWWS', 0, 'latin1');
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt32BE(runs.length, 6);
  for (const [index, [regionId, first, count]] of runs.entries()) {
    bytes.writeUInt16BE(regionId, 10 + index * 8);
    bytes.writeUInt32BE(first, 12 + index * 8);
    bytes.writeUInt16BE(count, 16 + index * 8);
  }
  return bytes;
}

test('a set comes back in its order, and what can be read has one encoding', () => {
  fc.assert(
    fc.property(set, (pages) => {
      const bytes = encodeWorkingSet(pages);
      assert.deepEqual(decodeWorkingSet(bytes), pages);
      assert.ok(bytes.length <= workingSetBytesMax);
    }),
  );
  assert.equal(encodeWorkingSet(Array.from({ length: 300 }, (_, at) => ({ regionId: 1, page: at }))).length, 18, 'neighbours are one run');
});

test('the bytes are those of docs/format.md', () => {
  const pages = [{ regionId: 0x1000, page: 7 }, { regionId: 0x1000, page: 8 }, { regionId: 0x100, page: 1 }];
  assert.equal(encodeWorkingSet(pages).toString('hex'), ['47575753', '0001', '00000002', '1000', '00000007', '0002', '0100', '00000001', '0001'].join(''));
});

test('anything else is refused, and nothing of it is believed', () => {
  const refused = [
    Buffer.alloc(0), Buffer.from('GWWS'), runsOf([1, 0, 0]), runsOf([1, 5, 1], [1, 5, 1]), runsOf([1, 0, 3], [1, 3, 1]), runsOf([1, 2 ** 32 - 1, 2]), runsOf([1, 0, workingPagesMax + 1]),
    runsOf([1, 0, 1]).subarray(0, 17), Buffer.concat([runsOf([1, 0, 1]), Buffer.alloc(1)]), Buffer.alloc(workingSetBytesMax + 1), runsOf([2, 8, 2], [1, 0, 1], [2, 9, 1]),
  ];
  const wrongCount = runsOf([1, 0, 1]);
  wrongCount.writeUInt32BE(0xffff_ffff, 6);
  for (const bytes of [...refused, wrongCount]) assert.throws(() => decodeWorkingSet(bytes), Fault, bytes.toString('hex', 0, 32));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
      const bytes = Buffer.concat([runsOf().subarray(0, 6), noise]);
      let pages: WorkingPage[] = [];
      try {
        pages = decodeWorkingSet(bytes);
      } catch (error) {
        assert.ok(error instanceof Fault);
        return;
      }
      assert.deepEqual(encodeWorkingSet(pages), bytes);
    }),
  );
});

test('what nobody asks for any more leaves within 32 arrivals; what is asked for stays, and comes in', () => {
  const needed = Array.from({ length: 100 }, (_, at) => ({ regionId: 7, page: at * 3 }));
  const stale = Array.from({ length: 100 }, (_, at) => ({ regionId: 8, page: at }));
  let pages: readonly WorkingPage[] = [...stale, ...needed.slice(0, 50)];
  for (let epoch = 5; epoch < 5 + 32; epoch += 1) {
    const sent = new Set(pages.filter((candidate) => !isProbed(candidate, epoch)).map(nameOf));
    const before = pages.length;
    pages = mergeWorkingSet(pages, needed.filter((candidate) => !sent.has(nameOf(candidate))), epoch);
    assert.ok(before - pages.length < 10, 'few go at once');
  }
  assert.deepEqual(new Set(pages.map(nameOf)), new Set(needed.map(nameOf)));
  assert.equal(pages.length, 100);
  assert.equal(mergeWorkingSet(needed, Array.from({ length: workingPagesMax + 5 }, (_, at) => ({ regionId: 9, page: at })), 1).length, workingPagesMax);
});

test('its groups are all of it, in its order, as few as there are frames to fill and no more than eight of the large regions', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.record({ regionId: fc.constantFrom(1, 1, 1, 2, 3), page: fc.integer({ min: 0, max: 3000 }) }), { selector: nameOf, maxLength: 2000 }), (set) => {
      const groups = groupsOf(set);
      for (const regionId of [1, 2, 3]) assert.deepEqual((groups.get(regionId) ?? []).flat(), set.filter((found) => found.regionId === regionId).map(({ page }) => page));
      const all = [...groups.values()];
      assert.ok(all.every((own) => own.length === 1 || own.every(({ length }) => length > 0)));
      assert.ok(all.every((own) => own.length <= Math.max(1, own.flat().length / 64)), 'each fills a frame');
      assert.ok(all.flat().length <= 8 + groups.size);
    }),
  );
  const large = Array.from({ length: 4000 }, (_, at) => ({ regionId: 1, page: (at * 7) % 4000 }));
  assert.deepEqual(groupsOf(large).get(1)?.map(({ length }) => length), Array.from({ length: 8 }, () => 500));
});
