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
  assert.equal(isOver({ ...moments, nowMs: 24_990, faultAtMs: 24_980, roundTripMs: 60 }), false);
  assert.equal(isOver({ ...moments, nowMs: 25_000, faultAtMs: 24_990, roundTripMs: 60 }), true);
  assert.equal(isOver({ ...moments, nowMs: 2799, outputAtMs: 1000, faultAtMs: 2790, roundTripMs: 60 }), false, 'and it gets less far after its first word');
  assert.equal(isOver({ ...moments, nowMs: 2800, outputAtMs: 1000, faultAtMs: 2790, roundTripMs: 60 }), true);
});
