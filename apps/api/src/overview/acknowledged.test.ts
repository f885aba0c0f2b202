import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Attention } from '@godwit/wire';
import { withAcknowledged, type Acknowledgement } from './acknowledged.ts';

const entry = (id: string, more: Partial<Attention> = {}): Attention => ({ id, code: 'HOST_LOST', severity: 'medium', text: id, nextStep: 'x', sinceMs: 100, accountId: null, desktopId: null, hostId: null, ...more });
const by = (attentionId: string, more: Partial<Acknowledgement> = {}): Acknowledgement => ({ attentionId, operatorName: 'Ada', severity: 'medium', timeMs: 200, ...more });
const shown = (list: Attention[], given: Acknowledgement[]): [string, string | null][] => withAcknowledged(list, given, 1000).map(({ id, acknowledged }) => [id, acknowledged?.operatorName ?? null]);

test('what somebody takes care of comes after all else, each part in its order', () => {
  deepEqual(shown([entry('a'), entry('b'), entry('c'), entry('d')], [by('a'), by('c', { operatorName: 'Bob' })]), [['b', null], ['d', null], ['a', 'Ada'], ['c', 'Bob']]);
});

test('what has come again, or has become worse, is new; what has become better is not', () => {
  deepEqual(shown([entry('a', { sinceMs: 201 })], [by('a')]), [['a', null]]);
  deepEqual(shown([entry('a', { severity: 'high' })], [by('a')]), [['a', null]]);
  deepEqual(shown([entry('a', { severity: 'low' })], [by('a')]), [['a', 'Ada']]);
});

test('what is true now, and nobody knows since when, stays taken care of', () => {
  deepEqual(shown([entry('STORE_FILLING', { sinceMs: 1000 })], [by('STORE_FILLING')]), [['STORE_FILLING', 'Ada']]);
});

test('of what is gone nothing is shown', () => {
  deepEqual(shown([], [by('a')]), []);
});
