import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operatorActKinds, type OperatorAct } from '@godwit/wire/operators';
import { actSentence, whoText } from './act-words.ts';

const act = (more: Partial<OperatorAct>): OperatorAct => ({ actId: 1, timeMs: 0, operatorName: 'Ada', act: 'host-barred', subject: 'laptop-x', detail: {}, ...more });
const said = (more: Partial<OperatorAct>): string => `${whoText(act(more))} ${actSentence(act(more))}`;

describe('what operators did, in words', () => {
  test('names who, whom and why', () => {
    equal(said({ detail: { reason: 'lost on a train' } }), 'Ada barred the host laptop-x: lost on a train');
    equal(said({ act: 'role-given', subject: 'Bob', detail: { role: 'admin', before: 'viewer' } }), 'Ada made Bob admin, before viewer');
    equal(said({ act: 'role-given', subject: 'viewer', detail: { by: 'https://id.example' } }), 'Ada became viewer, as https://id.example says');
    equal(said({ act: 'session-ended', subject: 'Ada' }), 'Ada ended a session of their own');
    equal(said({ operatorName: null, act: 'operator-invited', subject: 'Bob', detail: { role: 'viewer' } }), "whoever has the coordinator's machine made a one-time code for Bob, as viewer");
  });

  test('has a sentence of its own for every act, and for one that it does not know', () => {
    equal(new Set(operatorActKinds.map((kind) => said({ act: kind }))).size, operatorActKinds.length);
    equal(said({ act: 'moon-landed', subject: 'Bob' }), 'Ada moon landed: Bob');
  });
});
