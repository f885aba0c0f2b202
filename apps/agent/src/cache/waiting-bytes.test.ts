import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WaitingBytes } from './waiting-bytes.ts';

describe('bytes that wait to be written', () => {
  test('stay as they were until they are dropped, whatever comes and goes meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant('drop' as const)), { maxLength: 60 }), (steps) => {
        const waiting = new WaitingBytes(100);
        const copies: { bytes: Buffer; original: Buffer }[] = [];
        steps.forEach((step, index) => {
          if (step === 'drop') {
            copies.shift();
            waiting.drop();
            waiting.release();
          } else {
            const original = Buffer.alloc(step, index + 1);
            const bytes = waiting.copy(original);
            if (bytes === undefined) assert.ok(copies.reduce((sum, copy) => sum + copy.bytes.length, step) > 100 - 60, 'refused with room enough wherever it begins');
            else copies.push({ bytes, original });
          }
          for (const { bytes, original } of copies) assert.ok(bytes.equals(original));
        });
      }),
      { numRuns: 300 },
    );
  });

  test('are refused when they are longer than all of the memory', () => {
    const waiting = new WaitingBytes(10);
    assert.equal(waiting.copy(Buffer.alloc(11)), undefined);
    assert.equal(waiting.copy(Buffer.alloc(10))?.length, 10);
    assert.equal(waiting.copy(Buffer.alloc(1)), undefined);
  });
});
