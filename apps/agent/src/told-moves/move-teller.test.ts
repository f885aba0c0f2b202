import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault, silentLog, systemRandom, type DesktopId } from '@godwit/base';
import { moveReport, type ControlProgress, type MoveReport } from '@godwit/wire';
import { MoveTeller, tellingOf, type TellerParts } from './move-teller.ts';

const desktopId = 'd0'.repeat(16) as DesktopId;
const at = (phase: string, doneBytes: number, totalBytes: number | null = 1_000): ControlProgress => ({ phase, doneBytes, totalBytes, bytesPerSecond: 12.5, leftMs: 80.25, elapsedMs: 0, say: null });

/** A coordinator that does as `answer` says, on a clock that the test turns. */
function world(context: TestContext, answer: () => Promise<unknown> = () => Promise.resolve({})) {
  context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const told: MoveReport[] = [];
  let nowMs = 0;
  const call = (id: string, parts: { body: MoveReport }): Promise<unknown> => {
    equal(id, 'reportMove');
    told.push(moveReport.parse(structuredClone(parts.body)));
    return answer();
  };
  const clock = { wallMs: () => nowMs, bootMs: () => nowMs, workMs: () => nowMs };
  const parts = { coordinator: { call }, clock, random: systemRandom, log: silentLog } as unknown as TellerParts;
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    context.mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { told, parts, pass };
}

test('a move is told of at most once a second, the newest word, and once at its end', async (context) => {
  const { told, parts, pass } = world(context);
  const teller = new MoveTeller(parts, { kind: 'suspend', desktopId, epoch: 3 });
  for (let step = 1; step <= 50; step++) {
    teller.progress(at('upload', step * 20));
    await pass(100);
  }
  teller.done({ pauseMs: 200, durableMs: 5_000, bytesMoved: 1_000, sequence: 7 });
  teller.done({});
  teller.failed(new Fault('INTERNAL'));
  teller.progress(at('clear', 0));
  await pass(60_000);
  deepEqual(told.map(({ doneBytes, state }) => [doneBytes, state]), [[20, 'running'], [220, 'running'], [420, 'running'], [620, 'running'], [820, 'running'], [1_000, 'done']]);
  const last = told.at(-1)!;
  deepEqual([last.epoch, last.kind, last.totalBytes, last.leftMs, last.pauseMs, last.sequence, last.bytesPerSecond], [3, 'suspend', 1_000, 0, 200, 7, null]);
  deepEqual(last.phases.map(({ phase, lengthMs, bytes }) => [phase, lengthMs, bytes]), [['check', 0, 0], ['upload', 5_000, 1_000]]);
  equal(new Set(told.map(({ moveId }) => moveId)).size, 1);
});

test('one that stands still is told of every ten seconds', async (context) => {
  const { told, parts, pass } = world(context);
  const teller = new MoveTeller(parts, { kind: 'checkpoint', desktopId, epoch: 1 });
  teller.progress(at('upload', 5));
  for (let second = 0; second < 35; second++) await pass(1_000);
  equal(told.length, 4);
  teller.failed(new Fault('CANCELLED'));
  await pass(60_000);
  deepEqual([told.length, told.at(-1)!.state, told.at(-1)!.fault], [5, 'cancelled', null]);
});

test('a coordinator that never answers gets one request, and the move goes on', async (context) => {
  const { told, parts, pass } = world(context, () => new Promise(() => undefined));
  const result = await tellingOf(parts, { kind: 'suspend', desktopId, epoch: 1 }, () => undefined, async (report) => {
    for (let step = 0; step < 30; step++) {
      report(at('upload', step));
      await pass(1_000);
    }
    return 'safe';
  }, () => ({}));
  equal(result, 'safe');
  equal(told.length, 1);
});

test('one that refuses is not asked again; one that is away hears of the end when it is back', async (context) => {
  const refusing = world(context, () => Promise.reject(new Fault('EPOCH_FENCED')));
  const teller = new MoveTeller(refusing.parts, { kind: 'suspend', desktopId, epoch: 1 });
  for (let step = 0; step < 5; step++) {
    teller.progress(at('upload', step));
    await refusing.pass(2_000);
  }
  teller.done({});
  await refusing.pass(60_000);
  equal(refusing.told.length, 1);
  context.mock.timers.reset();
  let away = true;
  const back = world(context, () => (away ? Promise.reject(new Fault('COORDINATOR_UNREACHABLE')) : Promise.resolve({})));
  const other = new MoveTeller(back.parts, { kind: 'suspend', desktopId, epoch: 1 });
  other.failed(new Fault('STORE_DENIED'));
  await back.pass(500);
  away = false;
  await back.pass(600);
  await back.pass(60_000);
  deepEqual(back.told.map(({ state, fault }) => [state, fault]), [['failed', 'STORE_DENIED'], ['failed', 'STORE_DENIED']]);
});

test('of a resume nothing is told before its epoch is known, and its time to a running guest with the rest of it', async (context) => {
  const { told, parts, pass } = world(context);
  const teller = new MoveTeller(parts, { kind: 'resume', desktopId });
  teller.progress(at('acquire', 0, null));
  await pass(2_000);
  equal(told.length, 0);
  teller.began(9);
  teller.progress(at('load', 10));
  await pass(2_000);
  teller.note({ runningMs: 900, sequence: 4 });
  teller.progress(at('fill', 20));
  await pass(1);
  deepEqual(told.map(({ epoch, runningMs, sequence }) => [epoch, runningMs, sequence]), [[9, null, null], [9, 900, 4]]);
  teller.failed(new Fault('DESKTOP_LOST'));
});

test('what the work throws is thrown on, whatever the coordinator does', async (context) => {
  const { told, parts, pass } = world(context, () => Promise.reject(new Error('a defect')));
  const fault = new Fault('COMMIT_UNKNOWN');
  await rejects(tellingOf(parts, { kind: 'suspend', desktopId, epoch: 1 }, () => undefined, () => Promise.reject(fault), () => ({})), fault);
  for (let second = 0; second < 60; second++) await pass(1_000);
  ok(told.length >= 1 && told.length <= 3 && told.every(({ state, fault: code }) => state === 'unknown' && code === 'COMMIT_UNKNOWN'));
});

test('more phases than the wire takes end in the last one', async (context) => {
  const { told, parts, pass } = world(context);
  const teller = new MoveTeller(parts, { kind: 'resume', desktopId, epoch: 1 });
  for (let step = 0; step < 100; step++) {
    teller.progress(at(step % 2 === 0 ? 'load' : 'fill', step));
    await pass(10);
  }
  teller.done({});
  await pass(1);
  equal(told.at(-1)!.phases.length, 32);
});
