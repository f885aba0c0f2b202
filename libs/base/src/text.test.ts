import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { printable } from './text.ts';

describe('printable', () => {
  test('names control bytes and bidirectional controls', () => {
    assert.equal(printable('a\u001b[2Jb\r\n'), 'a\\u{1b}[2Jb\\u{d}\\u{a}');
    assert.equal(printable('\u0000\u007f\u009b'), '\\u{0}\\u{7f}\\u{9b}');
    assert.equal(printable('invoice\u202Efdp.exe'), 'invoice\\u{202e}fdp.exe');
    for (let point = 0; point <= 0xa0; point++) {
      const text = String.fromCodePoint(point);
      assert.equal(printable(text), /\p{Cc}/u.test(text) ? `\\u{${point.toString(16)}}` : text);
    }
    // All of Unicode's Bidi_Control, and the two separators that end a line in JavaScript and in terminals.
    const named = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028, 0x2029];
    for (const point of named) assert.equal(printable(String.fromCodePoint(point)), `\\u{${point.toString(16)}}`);
  });

  test('leaves what people write alone', () => {
    for (const text of ['', 'größer', 'שלום', '日本語', 'a\\u{1b}', '👩‍💻', '~ \u00a0']) assert.equal(printable(text), text);
  });

  test('leaves nothing that a terminal obeys in any text, and changes nothing twice', () => {
    fc.assert(fc.property(fc.string({ unit: fc.oneof(fc.integer({ min: 0, max: 0x2100 }).map((unit) => String.fromCharCode(unit)), fc.constantFrom('\ud800', '\udc00', '😀')) }), (text) => {
      const shown = printable(text);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
      assert.equal(printable(shown), shown);
    }));
  });
});
