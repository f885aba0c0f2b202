import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silenceMs, step, waitMs, waits, type Connection, type ConnectionAct, type ConnectionEvent } from './connection.ts';

/** Drives the machine through events at given times; what it is then, and all that it asked to be done. */
function drive(...events: readonly (readonly [ConnectionEvent, number])[]): { is: Connection; acts: ConnectionAct[] } {
  let is: Connection = { is: 'off' };
  const acts: ConnectionAct[] = [];
  for (const [event, atMs] of events) {
    const { next, acts: more } = step(is, event, atMs, 0.5);
    is = next;
    acts.push(...more);
  }
  return { is, acts };
}

test('it opens, and reads everything at the first word, once', () => {
  assert.deepEqual(drive(['begin', 0], ['begin', 1], ['heard', 10], ['heard', 20]), { is: { is: 'live', asOfMs: 20 }, acts: ['open', 'read-everything'] });
});

test('silence is a lost connection, a word every 10 s is not', () => {
  const words = Array.from({ length: 20 }, (_, n) => [['heard', n * 10_000], ['tick', n * 10_000 + 9_999]] as const).flat();
  assert.equal(drive(['begin', 0], ...words).is.is, 'live');
  assert.equal(drive(['begin', 0], ['heard', 0], ['tick', silenceMs]).is.is, 'live');
  const lost = drive(['begin', 0], ['heard', 0], ['tick', silenceMs + 1]);
  assert.deepEqual([lost.is.is, lost.acts.at(-1)], ['waiting', 'close']);
  assert.equal(drive(['begin', 0], ['tick', silenceMs + 1]).is.is, 'waiting', 'a connect that hangs');
});

test('it comes back by itself, reads everything again, and keeps the age of the data meanwhile', () => {
  const lost = drive(['begin', 0], ['heard', 100], ['lost', 200]);
  assert.ok(lost.is.is === 'waiting' && lost.is.asOfMs === 100);
  const back = drive(['begin', 0], ['heard', 100], ['lost', 200], ['tick', lost.is.untilMs - 1], ['tick', lost.is.untilMs], ['heard', 5000]);
  assert.deepEqual(back, { is: { is: 'live', asOfMs: 5000 }, acts: ['open', 'read-everything', 'close', 'open', 'read-everything'] });
});

test('a network that is back is not waited for', () => {
  const { is } = drive(['begin', 0], ['lost', 10], ['nudge', 11]);
  assert.ok(is.is === 'connecting' && is.attempt === 2);
});

test('an ended session signs out from anywhere and stays out', () => {
  for (const before of [[['begin', 0]], [['begin', 0], ['heard', 1]], [['begin', 0], ['lost', 1]]] as const) {
    const { is, acts } = drive(...before, ['session-ended', 2], ['tick', 1e6], ['nudge', 1e6], ['lost', 1e6], ['heard', 1e6]);
    assert.equal(is.is, 'signed-out');
    assert.equal(acts.at(-1), 'sign-out');
  }
  assert.equal(drive(['begin', 0], ['session-ended', 1], ['begin', 2]).is.is, 'connecting', 'until somebody signs in again');
});

test('waits double up to half a minute, never less than half of that', () => {
  let lastMs = 0;
  for (let attempt = 1; attempt < 40; attempt += 1) {
    const [least, most] = [waitMs(attempt, 0), waitMs(attempt, 0.999999)];
    assert.ok(least >= lastMs && least * 2 >= most - 1 && most <= waits.longestMs, `attempt ${attempt}`);
    lastMs = least;
  }
  assert.equal(waitMs(30, 1), waits.longestMs);
});
