import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { controlLineBytesMax } from '@godwit/wire';
import fc from 'fast-check';
import { LineSplitter } from './control-line.ts';

const tooLong = { code: 'CONTROL_LINE_TOO_LONG' };

/** What a splitter makes of `bytes`, given in pieces of the lengths named, again and again. */
function split(bytes: Buffer, lengths: readonly number[]): string[] {
  const splitter = new LineSplitter();
  const lines: string[] = [];
  for (let offset = 0, turn = 0; offset < bytes.length; turn += 1) {
    const lengthBytes = lengths[turn % lengths.length]!;
    lines.push(...splitter.push(bytes.subarray(offset, offset + lengthBytes)));
    offset += lengthBytes;
  }
  return lines;
}

describe('LineSplitter', () => {
  test('gives the same lines for pieces of any size, characters of several bytes included', () => {
    const line = fc.string({ unit: fc.constantFrom('a', '"', '\r', '\u0000', 'ö', '漢', '😀') });
    fc.assert(fc.property(fc.array(line), line, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (lines, rest, lengths) => {
      const bytes = Buffer.from(lines.map((each) => `${each}\n`).join('') + rest);
      for (const pieces of [[bytes.length + 1], [1], lengths]) assert.deepEqual(split(bytes, pieces), lines);
    }));
  });

  test('gives nothing for a line that has not ended, and keeps no view of the piece', () => {
    const splitter = new LineSplitter();
    const piece = Buffer.from('abc');
    assert.deepEqual(splitter.push(piece), []);
    piece.fill(0x7a);
    assert.deepEqual(splitter.push(Buffer.from('\n\nd')), ['abc', '']);
  });

  for (const pieceBytes of [controlLineBytesMax, 65_536, 4_099]) {
    test(`takes the longest line and not a byte more, in pieces of ${pieceBytes}`, () => {
      const longest = Buffer.alloc(controlLineBytesMax, 0x61);
      const ended = Buffer.concat([longest, Buffer.from('\n')]);
      assert.deepEqual(split(Buffer.concat([ended, ended]), [pieceBytes]).map(({ length }) => length), [controlLineBytesMax, controlLineBytesMax]);
      assert.throws(() => split(Buffer.concat([longest, Buffer.from('a')]), [pieceBytes]), tooLong);
      assert.throws(() => split(Buffer.concat([longest, Buffer.from('a\n')]), [pieceBytes]), tooLong);
    });
  }

  test('refuses a longer one that comes whole, and all that follows', () => {
    const splitter = new LineSplitter();
    assert.throws(() => splitter.push(Buffer.concat([Buffer.alloc(controlLineBytesMax + 1, 0x61), Buffer.from('\n')])), tooLong);
    assert.throws(() => splitter.push(Buffer.from('good\n')), tooLong);
  });

  test('does not glue a line together around what it refused', () => {
    const splitter = new LineSplitter();
    splitter.push(Buffer.alloc(controlLineBytesMax - 1, 0x61));
    assert.throws(() => splitter.push(Buffer.from('aa')), tooLong);
    assert.throws(() => splitter.push(Buffer.from('\n')), tooLong);
  });
});
