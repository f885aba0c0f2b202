import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { desktopsLimit, movesPerHourMax, noBytesQuota } from '@godwit/wire';
import { parseQuotaList, spellQuotas } from './quota-list.ts';

test('a list names what it changes, in units of people', () => {
  deepEqual(parseQuotaList('--set', 'desktops=20,bytes=2TiB,moves=600', false), { desktops: 20, bytes: 2 * 2 ** 40, movesPerHour: 600 });
  deepEqual(parseQuotaList('--set', 'bytes=none', false), { bytes: noBytesQuota });
  deepEqual(parseQuotaList('--set', 'moves=0,bytes=default', true), { movesPerHour: 0, bytes: null });
});

test('what is spelled is read again as it was', () => {
  const number = (max: number) => fc.option(fc.nat({ max }));
  fc.assert(fc.property(number(desktopsLimit), fc.option(fc.oneof(fc.nat({ max: 1e12 }), fc.constant(noBytesQuota), fc.nat({ max: 4_000 }).map((tebibytes) => tebibytes * 2 ** 40))), number(movesPerHourMax), (desktops, bytes, movesPerHour) => {
    deepEqual(parseQuotaList('--set', spellQuotas({ desktops, bytes, movesPerHour }), true), { desktops, bytes, movesPerHour });
  }));
  equal(spellQuotas({ desktops: null, bytes: 512 * 2 ** 20, movesPerHour: 3 }), 'desktops=default,bytes=512MiB,moves=3');
});

for (const wrong of ['', 'desktops', 'desktops=', 'desktops=1025', 'desktops=-1', 'desktops=1.5', 'bytes=2TB', 'bytes=9007199254740993', 'bytes=99999999TiB', 'moves=1000001', 'moves=none', 'moves=1,moves=1', 'cpus=1', 'moves=1,', 'moves=default']) {
  test(`"${wrong}" is refused`, () => throws(() => parseQuotaList('--quota', wrong, false), { code: 'COORDINATOR_OPTIONS' }));
}
