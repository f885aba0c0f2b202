import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { conditions, desktopsAsk, protections, readDesktopFilters, sorts, views, writeDesktopFilters, type DesktopFilters } from './filters.ts';

const plain: DesktopFilters = { search: '', condition: null, protection: null, hostId: null, sort: 'name', view: 'list', from: 0 };

test('an empty URL is the whole list, and the whole list is an empty URL', () => {
  deepEqual(readDesktopFilters(new URLSearchParams('')), plain);
  equal(writeDesktopFilters(plain).toString(), '');
});

test('what was chosen comes back from the URL', () => {
  const filters = fc.record({
    search: fc.string({ maxLength: 64 }), condition: fc.option(fc.constantFrom(...conditions)), protection: fc.option(fc.constantFrom(...protections)),
    hostId: fc.option(fc.constant('0f'.repeat(16))), sort: fc.constantFrom(...sorts), view: fc.constantFrom(...views), from: fc.nat(100_000),
  });
  fc.assert(fc.property(filters, (chosen) => deepEqual(readDesktopFilters(new URLSearchParams(writeDesktopFilters(chosen).toString())), { ...chosen })));
});

test('unknown words count as not said', () => {
  deepEqual(readDesktopFilters(new URLSearchParams('condition=asleep&protection=x&host=me&sort=colour&view=3d&from=-1')), plain);
  equal(readDesktopFilters(new URLSearchParams({ search: 'a'.repeat(100) })).search.length, 64);
});

test('the coordinator is asked for what was chosen and nothing else', () => {
  deepEqual(desktopsAsk(plain, 200), { sort: 'name', from: '200' });
  deepEqual(desktopsAsk({ ...plain, search: 'wo', condition: 'held', protection: 'late', hostId: 'h', sort: 'bytes' }, 0), { sort: 'bytes', from: '0', search: 'wo', condition: 'held', protection: 'late', hostId: 'h' });
});
