import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { before, test } from 'node:test';
import { Fault } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import type { Desktop } from '@godwit/wire';
import { TwoEnds } from './testing/two-ends.ts';

before(cryptoReady);

function faultOf(outcome: unknown, code: string): Fault {
  ok(outcome instanceof Fault, String(outcome));
  equal(outcome.code, code, outcome.message);
  return outcome;
}

test('the holder suspends: its phases, bytes, rate and time left are shown as of that host, and the desktop is free', async (context) => {
  const ends = new TwoEnds(context);
  const leaving = ends.departure();
  equal(await ends.outcome(leaving, 100), undefined);
  for (let doneBytes = 0; doneBytes <= 800; doneBytes += 100) {
    ends.tellDeparture('departing', 'upload', doneBytes);
    await ends.clock.pass(1_000);
  }
  ends.free();
  equal(((await ends.outcome(leaving, 600)) as Desktop).head?.sequence, 4);
  const [first, last] = [ends.said[0]!, ends.said.at(-1)!];
  deepEqual([first.phase, first.host, first.say], ['ask', 'laptop-a', 'laptop-a is in reach and was asked to suspend work']);
  deepEqual([last.phase, last.host, last.doneBytes, last.totalBytes, last.bytesPerSecond, last.leftMs], ['upload', 'laptop-a', 800, 1000, 100, 2_000]);
  equal(ends.calls.filter((id) => id === 'askDeparture').length, 1);
});

test('it refuses: what it said, and that the desktop stays there', async (context) => {
  const ends = new TwoEnds(context);
  ends.onAsk = () => ends.tellDeparture('failed', '', 0, 'the desktop still fetches [DESKTOP_FILLING]');
  const fault = faultOf(await ends.outcome(ends.departure(), 600), 'HOLDER_IN_REACH');
  match(fault.message, /laptop-a said: the desktop still fetches/);
  equal(fault.hint, 'work stays on laptop-a');
});

test('it says nothing for 20 s: nothing was taken; a word in between counts', async (context) => {
  const ends = new TwoEnds(context);
  const leaving = ends.departure();
  equal(await ends.outcome(leaving, 15_000), undefined);
  ends.tellDeparture('departing', 'capture', 1);
  equal(await ends.outcome(leaving, 19_000), undefined);
  match(faultOf(await ends.outcome(leaving, 2_000), 'HOLDER_IN_REACH').message, /said nothing for 20 s/);
});

test('a wish that got lost is made again; one that was heard is not', async (context) => {
  const ends = new TwoEnds(context);
  const asked = (): number => ends.calls.filter((id) => id === 'askDeparture').length;
  const leaving = ends.departure();
  await ends.clock.pass(3_500);
  equal(asked(), 1);
  await ends.clock.pass(1_500);
  equal(asked(), 2);
  for (let told = 0; told < 8; told += 1) {
    ends.tellDeparture('departing', 'capture', told);
    await ends.clock.pass(1_000);
  }
  equal(asked(), 2);
  ends.free();
  equal(((await ends.outcome(leaving, 600)) as Desktop).owner, null);
});

test('the coordinator is started again in the middle: the holder is asked again, and the move goes on', async (context) => {
  const ends = new TwoEnds(context);
  const leaving = ends.departure();
  await ends.clock.pass(2_000);
  ends.up = false;
  equal(await ends.outcome(leaving, 50_000), undefined, 'nobody is heard, so nobody is silent');
  ends.up = true;
  ends.hello();
  await ends.clock.pass(1_000);
  equal(ends.calls.filter((id) => id === 'askDeparture').length, 2);
  ends.free();
  equal(((await ends.outcome(leaving, 1_000)) as Desktop).owner, null);
});

test('the coordinator stays away: after a minute its fault, and the two places where the desktop can be', async (context) => {
  const ends = new TwoEnds(context);
  const leaving = ends.departure();
  await ends.clock.pass(1_000);
  ends.up = false;
  const fault = faultOf(await ends.outcome(leaving, 63_000), 'COORDINATOR_UNREACHABLE');
  match(fault.hint, /^work is on laptop-a, or safe in the store; `godwit status` says where/);
});

test('called off: rolled back there, or too late, or nobody knows; each says where it is', async (context) => {
  const rolledBack = new TwoEnds(context);
  const begin = async (ends: TwoEnds): Promise<unknown> => {
    const controller = new AbortController();
    const leaving = ends.departure(controller.signal);
    await ends.clock.pass(1_000);
    controller.abort();
    return ends.outcome(leaving, 12_000);
  };
  rolledBack.onCallOff = () => rolledBack.tellDeparture('failed', '', 0, 'rolled back [CANCELLED]');
  equal(faultOf(await begin(rolledBack), 'CANCELLED').found, 'called off on laptop-a too: work stays there');
  context.mock.timers.reset();
  const late = new TwoEnds(context);
  late.onCallOff = () => late.free();
  match(faultOf(await begin(late), 'CANCELLED').found ?? '', /^too late to call it off: work is safe in the store as checkpoint 4, held by nobody/);
  context.mock.timers.reset();
  const silent = new TwoEnds(context);
  const fault = faultOf(await begin(silent), 'CALLER_LEFT');
  match(fault.hint, /work is on laptop-a or safe in the store: `godwit status` says which/);
});

test('somebody else was faster', async (context) => {
  const ends = new TwoEnds(context);
  const leaving = ends.departure();
  await ends.clock.pass(600);
  ends.desktop = { ...ends.desktop, epoch: 6, owner: { hostId: ends.stranger.hostId, name: 'laptop-c' } };
  match(faultOf(await ends.outcome(leaving, 600), 'EPOCH_FENCED').message, /epoch 6, held by laptop-c/);
});
