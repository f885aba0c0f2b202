import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemRandom } from '@godwit/base';
import { PageDigests } from './page-digests.ts';
import { defineRegion } from './region.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 40 * 4096 });
const pageOf = (value: number): Buffer => Buffer.alloc(4096, value);

test('exactly the pages that differ come back, in order, with their own bytes', () => {
  const step = fc.array(fc.tuple(fc.nat(39), fc.nat(3)), { maxLength: 64 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), fc.boolean(), (steps, reopen) => {
      let digests = new PageDigests([ram], systemRandom);
      const model = new Map<number, number>();
      for (const batch of steps) {
        const expected: [number, number][] = [];
        for (const [page, value] of batch) {
          if (model.get(page) !== value) expected.push([page, value]);
          model.set(page, value);
        }
        const { pages, bytes } = digests.changed(1, Uint32Array.from(batch, ([page]) => page), Buffer.concat(batch.map(([, value]) => pageOf(value))));
        assert.deepEqual([...pages].map((page, at) => [page, bytes[at * 4096]]), expected);
        if (reopen) digests = PageDigests.deserialise(digests.serialise(Buffer.alloc(32, 9)))!.digests;
      }
    }),
  );
});

test('a zero page is the same whether it is named or found', () => {
  const digests = new PageDigests([ram], systemRandom);
  assert.deepEqual([...digests.changedToZero(1, Uint32Array.of(3, 4))], [3, 4]);
  assert.equal(digests.changed(1, Uint32Array.of(3), pageOf(0)).pages.length, 0);
  assert.deepEqual([...digests.changedToZero(1, Uint32Array.of(3, 5))], [5]);
  digests.record(1, Uint32Array.of(5), pageOf(1));
  assert.deepEqual([...digests.changedToZero(1, Uint32Array.of(5))], [5]);
});

test('a page that was forgotten counts as changed once, whatever it holds', () => {
  const digests = new PageDigests([ram], systemRandom);
  digests.record(1, Uint32Array.of(2, 3), Buffer.concat([pageOf(1), pageOf(1)]));
  digests.forget(1, Uint32Array.of(3));
  assert.deepEqual([...digests.changed(1, Uint32Array.of(2, 3), Buffer.concat([pageOf(1), pageOf(1)])).pages], [3]);
  assert.equal(digests.changed(1, Uint32Array.of(3), pageOf(1)).pages.length, 0);
  assert.throws(() => digests.forget(1, Uint32Array.of(40)), { code: 'VALUE_OUT_OF_RANGE' });
});

test('a copy goes its own way, and a damaged file is nothing', () => {
  const digests = new PageDigests([ram], systemRandom);
  const copy = digests.copy();
  copy.record(1, Uint32Array.of(0), pageOf(1));
  assert.equal(digests.changed(1, Uint32Array.of(0), pageOf(1)).pages.length, 1);
  const file = copy.serialise(Buffer.alloc(32, 9));
  const back = PageDigests.deserialise(file)!;
  assert.ok(back.manifestDigest.equals(Buffer.alloc(32, 9)));
  assert.equal(back.digests.changed(1, Uint32Array.of(0), pageOf(1)).pages.length, 0);
  for (const at of [0, 4, 40, 100, file.length - 1]) {
    const damaged = Buffer.from(file);
    damaged[at]! ^= 1;
    assert.equal(PageDigests.deserialise(damaged), undefined);
  }
  for (const length of [0, 1, 31, 32, file.length - 1]) assert.equal(PageDigests.deserialise(file.subarray(0, length)), undefined);
});

test('a region of another shape is forgotten', () => {
  const digests = new PageDigests([ram], systemRandom);
  digests.record(1, Uint32Array.of(0), pageOf(1));
  digests.addRegion(ram);
  assert.equal(digests.changed(1, Uint32Array.of(0), pageOf(1)).pages.length, 0);
  digests.addRegion(defineRegion({ ...ram, lengthBytes: 41 * 4096 }));
  assert.equal(digests.changed(1, Uint32Array.of(0), pageOf(1)).pages.length, 1);
});
