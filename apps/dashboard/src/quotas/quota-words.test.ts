import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noBytesQuota, type AccountQuotas } from '@godwit/wire/operators';
import { ownOf, quotaText, shareOf, typedOf } from './quota-words.ts';

const some: AccountQuotas = {
  quotas: { desktops: { used: 3, most: 20 }, bytes: { used: 2 ** 30, most: noBytesQuota }, movesPerHour: { used: 0, most: 0 } },
  own: { desktops: 20, bytes: null, movesPerHour: 0 },
};

describe('quotas in words', () => {
  test('say how much there is, of how much, and whose word that is', () => {
    equal(quotaText(some, 'desktops'), '3 of 20, for this account alone');
    equal(quotaText(some, 'bytes'), '1.0 GiB, without a bound, as for every account');
    equal(quotaText(some, 'movesPerHour'), '0 of 0, for this account alone');
    deepEqual([shareOf(some.quotas, 'desktops'), shareOf(some.quotas, 'movesPerHour')], [0.15, 1]);
  });

  test('what is typed is what was shown, and back', () => {
    for (const own of [some.own, { desktops: null, bytes: noBytesQuota, movesPerHour: null }, { desktops: 0, bytes: 1.5 * 2 ** 30, movesPerHour: 600 }]) deepEqual(ownOf(typedOf(own)), { own });
  });

  test('what cannot be meant is told, by the name of its field', () => {
    const typed = { desktops: '', gibibytes: '', movesPerHour: '' };
    const wrongs = [[{ desktops: '1025' }, /^Desktops/], [{ desktops: '1.5' }, /^Desktops/], [{ gibibytes: 'much' }, /^Gibibytes/], [{ gibibytes: '-1' }, /^Gibibytes/], [{ gibibytes: '8000001' }, /^Gibibytes/], [{ movesPerHour: '1e3' }, /^Moves/]] as const;
    for (const [more, expected] of wrongs) {
      const read = ownOf({ ...typed, ...more });
      equal('wrong' in read && expected.test(read.wrong), true, JSON.stringify(more));
    }
  });
});
