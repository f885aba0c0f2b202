import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { idFromBytes, idToBytes, isId, parseId, type DesktopId } from './ids.ts';
import { newId, systemRandom } from './ports.ts';

const refused = { code: 'VALUE_OUT_OF_RANGE' };

describe('ids', () => {
  test('are 16 bytes as 32 lower-case digits', () => {
    const id = idFromBytes<DesktopId>(Uint8Array.from({ length: 16 }, (_, index) => 255 - index));
    assert.equal(id, 'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0');
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = idFromBytes<DesktopId>(bytes);
      assert.deepEqual(Uint8Array.from(idToBytes(text)), bytes);
      assert.equal(parseId<DesktopId>(text), text);
    }));
  });

  const good = '0123456789abcdef0123456789abcdef';
  for (const text of ['', good.slice(1), `${good}0`, good.toUpperCase(), `${good}\n`, `\n${good}`, ` ${good.slice(1)}`, `0x${good.slice(2)}`, good.replace('f', 'g'), good.replace('f', 'ｆ')]) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(isId(text), false);
      assert.throws(() => parseId(text), refused);
      assert.throws(() => idToBytes(text as DesktopId), refused);
    });
  }

  test('a refusal shows the start of what was found, safe to print', () => {
    assert.throws(() => parseId(`\u001b[2J${'x'.repeat(1000)}`), { ...refused, found: JSON.stringify(`\u001b[2J${'x'.repeat(36)}`) });
  });

  for (const lengthBytes of [0, 15, 17, 32]) {
    test(`${lengthBytes} bytes are none`, () => assert.throws(() => idFromBytes(Buffer.alloc(lengthBytes)), refused));
  }

  test('new ones come from the randomness they are given, which must give enough', () => {
    assert.equal(newId<DesktopId>((lengthBytes) => Buffer.alloc(lengthBytes, 0xab)), 'ab'.repeat(16));
    assert.throws(() => newId((lengthBytes) => Buffer.alloc(lengthBytes - 1)), refused);
    assert.notEqual(newId(systemRandom), newId(systemRandom));
  });
});
