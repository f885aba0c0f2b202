import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { desktopStatus, waitGoals } from '@godwit/wire';
import { isReached } from './wait-command.ts';

const states = desktopStatus.shape.state.options;

describe('godwit wait', () => {
  const reached = { running: ['running', 'filling'], resumed: ['running'], safe: ['elsewhere', 'free'] } as const;
  for (const goal of waitGoals) {
    test(`--for ${goal} ends with ${reached[goal].join(' or ')} and nothing else`, () => {
      assert.deepEqual(states.filter((state) => isReached(goal, { state, holding: null })).toSorted(), [...reached[goal]].toSorted());
    });
  }

  test('a guest that is paused does not run', () => {
    for (const holding of ['asleep', 'asking', 'waiting', 'superseded'] as const) {
      assert.ok(!isReached('running', { state: 'running', holding }), holding);
      assert.ok(!isReached('resumed', { state: 'running', holding }), holding);
    }
    for (const holding of ['confirmed', 'alone'] as const) assert.ok(isReached('running', { state: 'running', holding }), holding);
  });
});
