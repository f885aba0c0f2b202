import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { holdingNote, type HoldingNews } from './holding-note.ts';

const nowMs = 1e12;
const kept: HoldingNews = { offline: 'keep', holding: 'confirmed', running: true, confirmedWallMs: nowMs - 90_000, guardLost: false };
const strict: HoldingNews = { ...kept, offline: 'stop' };

test('a person is told what is not as it should be, and that a desktop is strict', () => {
  const cases: readonly (readonly [HoldingNews, string | undefined])[] = [
    [kept, undefined],
    [strict, 'strict'],
    [{ ...kept, holding: 'alone' }, 'runs without word from the coordinator for 1 min 30 s'],
    [{ ...kept, holding: 'alone', confirmedWallMs: undefined }, 'runs without word from the coordinator since this agent began'],
    [{ ...kept, holding: 'alone', confirmedWallMs: nowMs + 5_000 }, 'runs without word from the coordinator for 0 ms'],
    [{ ...kept, holding: 'alone', running: false }, undefined],
    [{ ...kept, holding: 'asleep' }, 'paused: this machine is about to sleep'],
    [{ ...kept, holding: 'asking' }, 'paused: this machine slept, and the coordinator is asked whether it is still ours'],
    [{ ...strict, holding: 'waiting' }, 'strict, paused: its lease could not be renewed, and is asked for again'],
    [{ ...strict, holding: 'waiting', guardLost: true }, 'strict, paused: its guard does not run, and is started again'],
    [{ ...strict, holding: 'waiting', running: false }, 'strict'],
    [{ ...kept, holding: 'superseded' }, 'paused: it was taken over elsewhere'],
  ];
  for (const [news, note] of cases) equal(holdingNote(news, nowMs), note);
});
