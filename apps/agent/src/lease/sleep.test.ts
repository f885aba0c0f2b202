import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SleepJump } from './sleep-jump.ts';
import { LineCutter, parseSleepSignal } from './sleep-signals.ts';

describe('a machine that slept', () => {
  let bootMs = 0;
  let workMs = 0;
  const clock = { wallMs: () => 0, bootMs: () => bootMs, workMs: () => workMs };
  const pass = (awakeMs: number, asleepMs = 0): void => {
    bootMs += awakeMs + asleepMs;
    workMs += awakeMs;
  };

  test('is known by its boot clock, once', () => {
    const jump = new SleepJump(clock);
    equal(jump.look(), false);
    pass(250, 1_001);
    equal(jump.look(), true);
    equal(jump.look(), false);
    pass(0, 3_600_000);
    equal(jump.look(), true);
  });

  test('is not one that was busy or stopped, however long, nor one whose clocks are read 10 ms apart', () => {
    const jump = new SleepJump(clock);
    for (const awakeMs of [250, 5_000, 600_000]) {
      pass(awakeMs, 10);
      equal(jump.look(), false, `${awakeMs}`);
    }
    for (let looks = 0; looks < 1_000; looks += 1) {
      pass(250, looks % 2 === 0 ? 10 : -10);
      equal(jump.look(), false);
    }
  });

  test('is not told of twice when somebody else has told', () => {
    const jump = new SleepJump(clock);
    pass(0, 60_000);
    jump.forget();
    equal(jump.look(), false);
  });
});

describe('the words of logind', () => {
  const said = (flag: string): string => `/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (${flag},)`;

  test('are told from all others', () => {
    equal(parseSleepSignal(said('true')), 'sleep');
    equal(parseSleepSignal(`${said('false')}\r`), 'wake');
    const others = [
      'Monitoring signals on object /org/freedesktop/login1 owned by org.freedesktop.login1',
      'The name org.freedesktop.login1 is owned by :1.5',
      said('maybe'),
      said('true').replace('Sleep', 'Shutdown'),
      said('true').replace('/org/freedesktop/login1:', '/org/freedesktop/login1/session/_31:'),
      `x${said('true')}`,
      `${said('true')} x`,
      '',
    ];
    for (const line of others) equal(parseSleepSignal(line), undefined, line);
  });

  test('are read however they come in pieces', () => {
    const text = `one\n${said('true')}\n\nrest`;
    for (const lengthChars of [1, 2, 7, text.length]) {
      const lines = new LineCutter();
      const pieces = Array.from({ length: Math.ceil(text.length / lengthChars) }, (_, index) => text.slice(index * lengthChars, (index + 1) * lengthChars));
      deepEqual(pieces.flatMap((piece) => lines.push(piece)), ['one', said('true'), '']);
    }
  });
});
