import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ExpectedUpload } from './expected-upload.ts';

describe('what an upload is expected to be', () => {
  test('is not known before memory was looked at and something was handed over', () => {
    const upload = new ExpectedUpload(1_000);
    assert.deepEqual(upload.amount, { doneBytes: 0, totalBytes: null });
    upload.memory(4096, 8192);
    assert.equal(upload.amount.totalBytes, null);
    upload.handed(500);
    assert.notEqual(upload.amount.totalBytes, null);
  });

  test('is right at any moment for memory that compresses evenly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 26, max: 2 ** 32 }), fc.double({ min: 0.05, max: 1, noNaN: true }), fc.double({ min: 0.05, max: 1, noNaN: true }), fc.integer({ min: 0, max: 2 ** 30 }), (memoryBytes, ratio, part, diskBytes) => {
        const upload = new ExpectedUpload(diskBytes);
        const scannedBytes = Math.floor(memoryBytes * part);
        upload.memory(scannedBytes, memoryBytes - scannedBytes);
        upload.handed(scannedBytes * ratio);
        const { totalBytes } = upload.amount;
        const inAll = (memoryBytes + diskBytes) * ratio;
        assert.ok(totalBytes !== null && Math.abs(totalBytes - inAll) <= 65_538 + inAll * 1e-6, `${totalBytes} for ${inAll}`);
      }),
    );
  });

  test('is never reached before the commit, and what went in vain is still to come', () => {
    const events = fc.array(fc.oneof(
      fc.record({ kind: fc.constant('memory' as const), a: fc.nat(2 ** 30), b: fc.nat(2 ** 30) }),
      fc.record({ kind: fc.constant('handed' as const), a: fc.nat(2 ** 23), b: fc.constant(0) }),
      fc.record({ kind: fc.constant('sent' as const), a: fc.integer({ min: -(2 ** 23), max: 2 ** 23 }), b: fc.constant(0) }),
      fc.record({ kind: fc.constant('disk' as const), a: fc.nat(2 ** 20), b: fc.constant(0) }),
    ), { maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(2 ** 30), events, (diskBytes, trace) => {
        const upload = new ExpectedUpload(diskBytes);
        for (const { kind, a, b } of trace) {
          if (kind === 'memory') upload.memory(a, b);
          else upload[kind](a);
          const { doneBytes, totalBytes } = upload.amount;
          assert.ok(doneBytes >= 0 && (totalBytes === null || (doneBytes < totalBytes && Number.isSafeInteger(totalBytes))), `${doneBytes} of ${totalBytes}`);
        }
      }),
    );
    const upload = new ExpectedUpload(0);
    upload.memory(2 ** 20, 0);
    upload.handed(1000);
    upload.sent(1000);
    upload.sent(-1000);
    assert.equal(upload.amount.doneBytes, 0);
  });
});
