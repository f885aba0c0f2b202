import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { holdingTable, mayRun, nextHolding, type HoldingAction, type HoldingEvent, type HoldingState } from './holding.ts';

const events = ['current', 'superseded', 'silence', 'sleep', 'wake', 'term-near'] as const satisfies readonly HoldingEvent[];
const states = ['confirmed', 'alone', 'asleep', 'asking', 'waiting', 'superseded'] as const satisfies readonly HoldingState[];
const modes = ['keep', 'stop'] as const;

/** Each pair once more, by hand: the next state for each of `events`, in their order, with what the guest has to do. */
const expected = {
  keep: {
    confirmed: ['confirmed', 'superseded fork', 'alone', 'asleep pause', 'asking pause', 'confirmed'],
    alone: ['confirmed', 'superseded fork', 'alone', 'asleep pause', 'asking pause', 'alone'],
    asleep: ['asleep', 'superseded fork', 'asleep', 'asleep', 'asking', 'asleep'],
    asking: ['confirmed go-on', 'superseded fork', 'alone go-on', 'asleep', 'asking', 'asking'],
    waiting: ['confirmed go-on', 'superseded fork', 'alone go-on', 'asleep', 'asking', 'waiting'],
    superseded: ['superseded', 'superseded', 'superseded', 'superseded', 'superseded', 'superseded'],
  },
  stop: {
    confirmed: ['confirmed', 'superseded fork', 'confirmed', 'asleep pause', 'asking pause', 'waiting pause'],
    alone: ['confirmed', 'superseded fork', 'waiting pause', 'asleep pause', 'asking pause', 'waiting pause'],
    asleep: ['asleep', 'superseded fork', 'asleep', 'asleep', 'asking', 'asleep'],
    asking: ['confirmed go-on', 'superseded fork', 'waiting', 'asleep', 'asking', 'waiting'],
    waiting: ['confirmed go-on', 'superseded fork', 'waiting', 'asleep', 'asking', 'waiting'],
    superseded: ['superseded', 'superseded', 'superseded', 'superseded', 'superseded', 'superseded'],
  },
} as const satisfies Record<(typeof modes)[number], Record<HoldingState, readonly string[]>>;

describe('what a holder may do', () => {
  for (const mode of modes) {
    for (const state of states) {
      test(`${mode}, ${state}: ${events.join(', ')}`, () => {
        const found = events.map((event) => {
          const { state: next, action } = nextHolding(mode, state, event);
          return action === 'none' ? next : `${next} ${action}`;
        });
        deepEqual(found, expected[mode][state]);
      });
    }
  }

  test('the table has these states and events, and no others', () => {
    for (const mode of modes) {
      deepEqual(Object.keys(holdingTable[mode]).sort(), [...states].sort());
      for (const row of Object.values(holdingTable[mode])) deepEqual(Object.keys(row).sort(), [...events].sort());
    }
  });

  test('however it goes: superseded is final, the guest runs only where it may, and strict never without a word in its term', () => {
    const step = fc.record({ mode: fc.constantFrom(...modes), event: fc.constantFrom(...events) });
    fc.assert(
      fc.property(fc.constantFrom(...states.filter((state) => state !== 'superseded')), fc.array(step, { maxLength: 40 }), (begin, steps) => {
        let state: HoldingState = begin;
        let runs = mayRun(begin);
        let forks = 0;
        for (const { mode, event } of steps) {
          const before: HoldingState = state;
          const next = nextHolding(mode, state, event);
          state = next.state;
          runs = guestAfter(runs, next.action);
          if (next.action === 'fork') forks += 1;
          if (before === 'superseded') deepEqual(next, { state: 'superseded', action: 'none' });
          if (event === 'superseded') equal(state, 'superseded');
          equal(runs, mayRun(state), `after ${event} in ${before} (${mode})`);
          if (mode === 'stop' && event === 'term-near') ok(!runs);
          if (event === 'sleep' || event === 'wake') ok(!runs);
          // Only a word lets a strict guest run that stood still.
          if (mode === 'stop' && runs && !mayRun(before)) equal(event, 'current');
        }
        ok(forks <= 1);
        equal(forks === 1, state === 'superseded');
      }),
      { numRuns: 2_000 },
    );
  });
});

function guestAfter(ran: boolean, action: HoldingAction): boolean {
  return action === 'go-on' || (ran && action === 'none');
}
