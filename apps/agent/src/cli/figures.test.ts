import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bytesText, durationText, parseBytes, parseDuration, table } from './figures.ts';

describe('figures for people', () => {
  const sizes: [number, string][] = [
    [0, '0 B'], [999, '999 B'], [1000, '1.0 KiB'], [1024, '1.0 KiB'], [1536, '1.5 KiB'], [99.94 * 1024, '99.9 KiB'], [99.96 * 1024, '100 KiB'], [999 * 1024, '999 KiB'],
    [999.6 * 1024, '1.0 MiB'], [2 ** 20, '1.0 MiB'], [512 * 2 ** 20, '512 MiB'], [4 * 2 ** 30, '4.0 GiB'], [2 ** 40, '1.0 TiB'], [5000 * 2 ** 40, '5000 TiB'], [12.4, '12 B'],
  ];
  for (const [bytes, text] of sizes) test(`${bytes} bytes are ${text}`, () => assert.equal(bytesText(bytes), text));

  const durations: [number, string][] = [
    [0, '0 ms'], [0.4, '0 ms'], [999.4, '999 ms'], [999.6, '1.00 s'], [1234, '1.23 s'], [9994, '9.99 s'], [9996, '10.0 s'], [59_940, '59.9 s'], [59_960, '1 min 0 s'],
    [60_000, '1 min 0 s'], [119_400, '1 min 59 s'], [119_700, '2 min 0 s'], [3_600_000, '60 min 0 s'],
  ];
  for (const [ms, text] of durations) test(`${ms} ms are ${text}`, () => assert.equal(durationText(ms), text));

  for (const [text, ms] of [['30s', 30_000], ['5m', 300_000], ['1h', 3_600_000], ['0s', 0], ['5', undefined], ['m', undefined], ['-5s', undefined], ['5 s', undefined], ['5d', undefined]] as const) {
    test(`${text} is ${ms ?? 'no time'}`, () => assert.equal(parseDuration(text), ms));
  }

  test('have three digits at most, below the largest unit', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 2 ** 49, noNaN: true }), (value) => {
      assert.match(bytesText(value), /^(\d{1,3}|\d{1,2}\.\d) ([KMGT]iB|B)$/);
      assert.match(durationText(value), /^(\d{1,3} ms|\d\.\d\d s|\d\d\.\d s|\d+ min [1-5]?\d s)$/);
    }));
  });

  test('never shrink as the value grows', () => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    const read = (text: string): number => Number(text.split(' ')[0]) * 1024 ** units.indexOf(text.split(' ')[1]!);
    const value = fc.nat({ max: 2 ** 31 - 1 });
    fc.assert(fc.property(value, value, (a, b) => assert.ok(read(bytesText(Math.min(a, b))) <= read(bytesText(Math.max(a, b))) * 1.024)));
  });
});

describe('sizes that people type', () => {
  const good: [string, number][] = [['0', 0], ['65536', 65_536], ['4G', 4 * 2 ** 30], ['4g', 4 * 2 ** 30], ['512M', 512 * 2 ** 20], ['512MiB', 512 * 2 ** 20], ['1KB', 1024], ['2T', 2 * 2 ** 40], [' 1G ', 2 ** 30], ['007', 7]];
  for (const [text, bytes] of good) test(`${JSON.stringify(text)} is ${bytes} bytes`, () => assert.equal(parseBytes(text), bytes));

  for (const text of ['', ' ', '-1', '+1', '1.5G', '1e9', '0x10', 'G', '4 G', '4P', '4GG', '4iB', '4G4', 'NaN', '٤', '9'.repeat(15) + 'T', '9'.repeat(16), '4G\n5']) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseBytes(text), undefined));
  }

  test('any text is a whole number of bytes or none', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789KMGTiB. -')) }), (text) => {
      const bytes = parseBytes(text);
      assert.ok(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0));
    }));
  });
});

describe('table', () => {
  test('aligns its columns and ends its lines without space', () => {
    assert.equal(table([['NAME', 'SIZE', 'NOTE'], ['work', '1.0 GiB', ''], ['a', '20 MiB', 'ready']], ['left', 'right']), 'NAME     SIZE  NOTE\nwork  1.0 GiB\na      20 MiB  ready');
  });

  test('takes no rows, and rows that are short', () => {
    assert.equal(table([]), '');
    assert.equal(table([['a', 'b'], ['long']]), 'a     b\nlong');
  });
});
