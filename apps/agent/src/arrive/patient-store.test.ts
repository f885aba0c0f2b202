import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Fault, type FaultCode } from '@godwit/base';
import type { ObjectStore } from '@godwit/snapshot';
import { PatientStore } from './patient-store.ts';

const fails = (code: FaultCode) => (error: unknown): boolean => error instanceof Fault && error.code === code;

describe('a store that outwaits outages', { timeout: 10_000 }, () => {
  let outage: Fault | undefined;
  let reads = 0;
  let told: (string | undefined)[] = [];
  let store: PatientStore;
  const begin = (): void => store.begin((fault) => told.push(fault?.code));

  beforeEach(() => {
    outage = new Fault('STORE_UNAVAILABLE');
    reads = 0;
    told = [];
    const inner = {
      get: () => {
        reads += 1;
        return outage === undefined ? Promise.resolve(Buffer.from('x')) : Promise.reject(outage);
      },
    } as unknown as ObjectStore;
    store = new PatientStore(inner);
  });

  test('waits only when told to, and then until the store is back', async () => {
    await assert.rejects(store.get('key'), fails('STORE_UNAVAILABLE'));
    begin();
    const waiting = [store.get('key'), store.get('key')];
    setTimeout(() => (outage = undefined), 100);
    assert.deepEqual((await Promise.all(waiting)).map(String), ['x', 'x']);
    assert.deepEqual(told, ['STORE_UNAVAILABLE', undefined]);
    assert.equal(reads, 5);
  });

  test('does not wait for what is known not to come', async () => {
    begin();
    for (const code of ['OBJECT_MISSING', 'OBJECT_SHORT', 'STORE_DENIED', 'FRAME_CORRUPT'] as const) {
      outage = new Fault(code);
      await assert.rejects(store.get('key'), fails(code));
    }
    assert.deepEqual(told, []);
  });

  test('its end ends every wait at once, with what it waited about', async () => {
    begin();
    const waiting = store.get('key');
    setTimeout(() => store.end(), 20);
    const startedMs = performance.now();
    await assert.rejects(waiting, fails('STORE_UNAVAILABLE'));
    assert.ok(performance.now() - startedMs < 200);
    await assert.rejects(store.get('key'), fails('STORE_UNAVAILABLE'));
    assert.equal(reads, 2);
  });
});
