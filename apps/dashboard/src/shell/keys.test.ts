import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meaningOf } from './keys.ts';
import { places } from './places.ts';
import { stateText } from './state-text.ts';
import { wayBack } from '../sign-in/way-back.ts';

const press = (key: string, afterG = false, more = {}) => meaningOf({ key, modified: false, taken: false, ...more }, afterG);

test('keys work anywhere but where somebody types', () => {
  assert.deepEqual([press('?').does, press('/').does, press('g').does, press('x').does], ['help', 'search', 'wait', 'nothing']);
  for (const { letter, path } of places) assert.deepEqual(press(letter, true), { does: 'go', path });
  for (const more of [{ taken: true }, { modified: true }]) assert.equal(press('?', true, more).does, 'nothing');
  assert.equal(new Set(places.map(({ letter }) => letter)).size, places.length);
});

test('the state of the connection is always said', () => {
  assert.equal(stateText({ is: 'live', asOfMs: 0 }, 5), 'Live');
  assert.equal(stateText({ is: 'signed-out' }, 5), 'Signed out');
  assert.equal(stateText({ is: 'waiting', attempt: 1, untilMs: 14_000, asOfMs: 0 }, 12_000), 'Data as of 12 s ago · trying again in 2 s');
  assert.equal(stateText({ is: 'connecting', attempt: 2, sinceMs: 0, asOfMs: null }, 12_000), 'Connecting');
});

test('the sign-in leads to pages of this dashboard only', () => {
  const way = (to: string): string => wayBack(new URLSearchParams({ to }));
  assert.equal(way('/hosts?search=x'), '/hosts?search=x');
  for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '', '/sign-in?to=/']) assert.equal(way(to), '/', to);
});
