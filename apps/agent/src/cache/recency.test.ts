import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { budgetBytes, defaultLimitBytes, Recency } from './recency.ts';

const GiB = 2 ** 30;
const anyName = fc.nat({ max: 12 }).map((number) => `p-${number}`);
const anyUse = fc.tuple(anyName, fc.integer({ min: 1, max: 100 }));

describe('what has to go from the warm cache', () => {
  test('is the least recently used, as little as does, and never what is spared', () => {
    fc.assert(
      fc.property(fc.array(anyUse, { maxLength: 40 }), fc.nat({ max: 600 }), fc.nat({ max: 12 }), fc.option(anyName, { nil: undefined }), (uses, bytesMax, countMax, spared) => {
        const recency = new Recency();
        const model: { name: string; bytes: number }[] = [];
        for (const [name, bytes] of uses) {
          recency.use(name, bytes);
          const at = model.findIndex((file) => file.name === name);
          if (at >= 0) model.splice(at, 1);
          model.push({ name, bytes });
        }
        const total = (files: typeof model): number => files.reduce((sum, { bytes }) => sum + bytes, 0);
        assert.deepEqual([recency.bytes, recency.count], [total(model), model.length]);
        const victims = recency.victims(bytesMax, countMax, spared);
        const fits = (files: typeof model): boolean => total(files) <= bytesMax && files.length <= countMax;
        // The oldest of those that are not spared.
        assert.deepEqual(victims, model.filter(({ name }) => name !== spared).slice(0, victims.length).map(({ name }) => name));
        const left = model.filter(({ name }) => !victims.includes(name));
        assert.ok(fits(left) || left.every(({ name }) => name === spared), 'over its cap by no more than the one that is spared');
        const last = victims.at(-1);
        if (last !== undefined) assert.ok(!fits(model.filter(({ name }) => name === last || !victims.includes(name))), 'one fewer would not have done');
        for (const name of victims) recency.remove(name);
        assert.deepEqual([recency.bytes, [...recency.files.keys()]], [total(left), left.map(({ name }) => name)]);
      }),
    );
  });

  test('a use without a length leaves the length as it is', () => {
    const recency = new Recency();
    recency.use('a', 5);
    recency.use('b', 7);
    recency.use('a');
    assert.deepEqual([recency.bytes, recency.victims(5, 9)], [12, ['b']]);
  });

  test('the budget is within the limit and leaves 5 % and 2 GiB free', () => {
    fc.assert(
      fc.property(fc.option(fc.nat({ max: 1000 }), { nil: undefined }), fc.nat({ max: 1000 }), fc.integer({ min: 1, max: 4000 }), fc.nat({ max: 4000 }), (limitGiB, usedGiB, sizeGiB, freeGiB) => {
        const [usedBytes, fileSystemBytes, freeBytes] = [usedGiB * GiB, sizeGiB * GiB, freeGiB * GiB];
        const limitBytes = limitGiB === undefined ? undefined : limitGiB * GiB;
        const budget = budgetBytes({ limitBytes, usedBytes, fileSystemBytes, freeBytes });
        assert.ok(budget >= 0 && budget <= (limitBytes ?? defaultLimitBytes(fileSystemBytes)));
        const freeThen = freeBytes + usedBytes - budget;
        assert.ok(budget === 0 || (freeThen >= fileSystemBytes / 20 && freeThen >= 2 * GiB));
      }),
    );
    assert.deepEqual([defaultLimitBytes(40 * GiB), defaultLimitBytes(1000 * GiB)], [4 * GiB, 8 * GiB]);
    assert.equal(budgetBytes({ limitBytes: undefined, usedBytes: 0, fileSystemBytes: 1000 * GiB, freeBytes: 500 * GiB }), 8 * GiB);
  });
});
