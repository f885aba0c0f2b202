import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Line } from './line.ts';

/** 100 bytes per ms, 10 ms on the way. */
const line = (): Line<string> => new Line({ bytesPerMs: 100, delayMs: 10 });

/** Every piece with the moment at which it is first to be had. */
function timetable(subject: Line<string>): [string, number][] {
  const seen: [string, number][] = [];
  for (let nowMs = subject.nextMs; nowMs !== undefined; nowMs = subject.nextMs) for (const piece of subject.arrived(nowMs)) seen.push([piece, nowMs]);
  return seen;
}

describe('one direction of a link', () => {
  test('takes its time by the length, and arrives a delay later', () => {
    const subject = line();
    subject.offer(1, 'a', 500, 0);
    subject.offer(1, 'b', 100, 0);
    subject.offer(1, 'c', 200, 1);
    assert.deepEqual(timetable(subject), [['a', 15], ['b', 16], ['c', 18]]);
  });

  test('does not save up what it did not send while nobody wanted it', () => {
    const subject = line();
    subject.offer(1, 'a', 100, 0);
    assert.deepEqual(timetable(subject), [['a', 11]]);
    subject.offer(1, 'b', 1_000, 500);
    assert.deepEqual(timetable(subject), [['b', 520]]);
  });

  test('keeps its rate however late it is looked after', () => {
    const subject = line();
    for (let at = 0; at < 10; at += 1) subject.offer(1, `${at}`, 100, 0);
    assert.deepEqual(subject.arrived(13.5), ['0', '1', '2']);
    assert.deepEqual(subject.arrived(20), ['3', '4', '5', '6', '7', '8', '9']);
    assert.equal(subject.nextMs, undefined);
  });

  test('gives each connection its turn, and keeps the order within one', () => {
    const subject = line();
    for (const piece of ['a1', 'a2', 'a3']) subject.offer(1, piece, 100, 0);
    subject.offer(2, 'b1', 100, 0);
    subject.offer(2, 'b2', 100, 0);
    assert.deepEqual(timetable(subject).map(([piece]) => piece), ['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  test('an end, which has no length, comes after what was said before it', () => {
    const subject = line();
    subject.offer(1, 'said', 300, 0);
    subject.offer(1, 'end', 0, 0);
    assert.deepEqual(timetable(subject), [['said', 13], ['end', 13]]);
  });
});
