import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRiskMs } from './at-risk.ts';

test('what a dying host would take with it is all since the newest durable checkpoint, or since the desktop was made', () => {
  const nowMs = 1_000_000;
  const row = { condition: 'held', protection: 'fresh', durableMs: nowMs - 840_000, createdMs: 0 } as const;
  assert.equal(atRiskMs(row, nowMs), 840_000);
  assert.equal(atRiskMs({ ...row, durableMs: null, protection: 'unprotected' }, nowMs), nowMs);
  assert.equal(atRiskMs({ ...row, condition: 'free', protection: 'safe' }, nowMs), null);
  assert.equal(atRiskMs({ ...row, durableMs: nowMs + 5 }, nowMs), 0, 'clocks may differ a little');
});
