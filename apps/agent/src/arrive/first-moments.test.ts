import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOver } from './first-moments.ts';

const moments = { nowMs: 1000, sinceMs: 1000, outputAtMs: undefined, faultAtMs: 0, roundTripMs: 2 };

test('the first moments are over soon after the guest said something, or when it asks for nothing, or at last', () => {
  assert.equal(isOver(moments), false);
  assert.equal(isOver({ ...moments, nowMs: 1299, outputAtMs: 1000 }), false);
  assert.equal(isOver({ ...moments, nowMs: 1300, outputAtMs: 1000, faultAtMs: 1299 }), true);
  assert.equal(isOver({ ...moments, nowMs: 2500 }), true, 'nothing asked for since the burst');
  assert.equal(isOver({ ...moments, nowMs: 8999, faultAtMs: 8990 }), false, 'it goes on asking');
  assert.equal(isOver({ ...moments, nowMs: 9000, faultAtMs: 8990 }), true);
  assert.equal(isOver({ ...moments, nowMs: 9000, faultAtMs: 8990, roundTripMs: 60 }), false, 'a slow line takes longer');
  assert.equal(isOver({ ...moments, nowMs: 13_000, faultAtMs: 12_990, roundTripMs: 60 }), true);
});
