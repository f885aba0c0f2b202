import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, test, type TestContext } from 'node:test';
import { Fault } from '@godwit/base';
import { memoryStore, type ObjectStore } from '@godwit/snapshot';
import { ExpectedUpload } from './expected-upload.ts';
import { Sending } from './sending.ts';

const body = Buffer.alloc(1000, 1);
const outage = new Fault('STORE_UNAVAILABLE', { found: 'a broken connection' });

/** A network between a departure and its store that the test breaks, on a clock that the test moves. */
describe('the way of a departure to the store', () => {
  let nowMs: number;
  let failure: Fault | undefined;
  let asked: string[];
  let told: string[];
  let note: string | undefined;
  let upload: ExpectedUpload;
  const clock = { wallMs: () => nowMs, bootMs: () => nowMs, workMs: () => nowMs };

  beforeEach(() => {
    nowMs = 0;
    failure = undefined;
    asked = [];
    told = [];
    note = undefined;
    upload = new ExpectedUpload(0);
  });

  function sending(signal?: AbortSignal): Sending {
    const inner = memoryStore();
    const store: ObjectStore = {
      ...inner,
      put: async (key, bytes) => {
        asked.push(key);
        if (failure !== undefined) throw failure;
        await inner.put(key, bytes);
      },
    };
    return new Sending({ store, clock, upload, signal, tell: (say) => told.push(say), note: (text) => (note = text) });
  }

  async function pass(t: TestContext, waitMs: number): Promise<void> {
    for (let left = waitMs; left > 0; left -= 250) {
      nowMs += 250;
      t.mock.timers.tick(250);
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    }
  }

  test('waits out a break of less than a minute and says so; what has arrived is not sent again', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { store } = sending();
    await store.put('d-1/p-1', body);
    failure = outage;
    const puts = Promise.all([store.put('d-1/p-2', body), store.put('d-1/p-3', body)]);
    await pass(t, 55_000);
    assert.match(note ?? '', /^waits for the store: .*a broken connection/);
    failure = undefined;
    await pass(t, 3_000);
    await puts;
    assert.deepEqual([note, told.at(-1), told.length], [undefined, 'the store is back', 2]);
    assert.equal(asked.filter((key) => key === 'd-1/p-1').length, 1);
    assert.ok(asked.filter((key) => key === 'd-1/p-2').length > 10);
  });

  test('gives a longer one up with what it waited for', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { store } = sending();
    await store.put('d-1/p-1', body);
    failure = outage;
    const put = assert.rejects(store.put('d-1/p-2', body), { code: 'STORE_UNAVAILABLE', found: 'a broken connection' });
    await pass(t, 62_000);
    await put;
    const before = asked.length;
    await assert.rejects(store.put('d-1/p-3', body), { code: 'STORE_UNAVAILABLE' });
    assert.equal(asked.length, before + 1, 'what comes after fails at once');
  });

  test('waits for nobody who was never there, nor for a store that says that it cannot', async () => {
    const never = sending();
    failure = outage;
    await assert.rejects(never.store.put('d-1/p-1', body), { code: 'STORE_UNAVAILABLE' });
    failure = undefined;
    const full = sending();
    await full.store.put('d-1/p-2', body);
    failure = new Fault('STORE_UNAVAILABLE', { found: 'status 507' });
    await assert.rejects(full.store.put('d-1/p-3', body), { found: 'status 507' });
    assert.deepEqual([told, note], [[], undefined]);
  });

  test('called off while it waits it ends at once, as called off', async () => {
    const callOff = new AbortController();
    const { store } = sending(callOff.signal);
    await store.put('d-1/p-1', body);
    failure = outage;
    const put = assert.rejects(store.put('d-1/p-2', body), { code: 'CANCELLED' });
    await setImmediate();
    assert.match(note ?? '', /waits/);
    callOff.abort();
    await put;
  });

  test('ended while it waits, the note of the desktop does not stay', async () => {
    const way = sending();
    await way.store.put('d-1/p-1', body);
    failure = outage;
    const put = assert.rejects(way.store.put('d-1/p-2', body), { code: 'STORE_UNAVAILABLE' });
    await setImmediate();
    way.end();
    await put;
    assert.equal(note, undefined);
  });

  test('the commit waits as the store does: for who is out of reach, not for who refuses, and not for ever', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const way = sending();
    let calls = 0;
    const work = async (): Promise<number> => {
      calls += 1;
      if (failure !== undefined) throw failure;
      return calls;
    };
    failure = new Fault('COORDINATOR_UNREACHABLE');
    const patient = way.patiently(work);
    await pass(t, 20_000);
    failure = undefined;
    await pass(t, 3_000);
    assert.ok((await patient) > 5);
    failure = new Fault('HEAD_MOVED');
    calls = 0;
    await assert.rejects(way.patiently(work), { code: 'HEAD_MOVED' });
    failure = new Fault('COMMIT_UNKNOWN');
    await assert.rejects(way.patiently(work), { code: 'COMMIT_UNKNOWN' });
    assert.equal(calls, 2);
    failure = new Fault('COORDINATOR_UNREACHABLE');
    const impatient = assert.rejects(way.patiently(work), { code: 'COORDINATOR_UNREACHABLE' });
    await pass(t, 65_000);
    await impatient;
  });

  test('tells what is handed over, whether it arrives or not', async () => {
    upload.memory(4000, 0);
    const way = sending();
    await way.store.put('d-1/p-1', body);
    const { totalBytes } = upload.amount;
    failure = outage;
    way.end();
    await assert.rejects(way.store.put('d-1/p-2', body), { code: 'STORE_UNAVAILABLE' });
    assert.ok(totalBytes !== null && upload.amount.totalBytes === totalBytes + 1000);
  });
});
