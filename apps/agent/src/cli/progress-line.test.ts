import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { progressText } from './progress-line.ts';

describe('the line of progress', () => {
  const mib = 2 ** 20;
  for (const [progress, text] of [
    [{ phase: 'upload', doneBytes: 93 * mib, totalBytes: 210 * mib, bytesPerSecond: 17 * mib, leftMs: 6_880, elapsedMs: 12_000 }, 'upload    12.0 s  93.0 MiB of ~210 MiB  17.0 MiB/s  about 7 s left'],
    [{ phase: 'check', doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 3 }, 'check     3 ms'],
    [{ phase: 'capture', doneBytes: mib, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 500 }, 'capture   500 ms  1.0 MiB'],
    [{ phase: 'upload', doneBytes: 93 * mib, totalBytes: 210 * mib, bytesPerSecond: 0, leftMs: null, elapsedMs: 12_000 }, 'upload    12.0 s  93.0 MiB of ~210 MiB  waiting'],
    [{ phase: 'upload', doneBytes: mib, totalBytes: 2 * mib, bytesPerSecond: 1, leftMs: 150_000, elapsedMs: 1_000 }, 'upload    1.00 s  1.0 MiB of ~2.0 MiB  1 B/s  about 3 min left'],
    [{ phase: 'upload', doneBytes: mib, totalBytes: 2 * mib, bytesPerSecond: 1, leftMs: 36e6, elapsedMs: 1_000 }, 'upload    1.00 s  1.0 MiB of ~2.0 MiB  1 B/s  about 10 h left'],
  ] as const) test(text, () => assert.equal(progressText(progress), text));
});
