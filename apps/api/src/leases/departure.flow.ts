import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newId, systemRandom, type OrderId } from '@godwit/base';
import type { TestClient } from '../testing/client.ts';
import { EventListener } from '../testing/event-listener.ts';
import { saveDesktop, takeOver } from '../testing/lease-world.ts';
import { addHost, enrol, raiseStage, type Person, type Stage } from '../testing/stage.ts';

describe('a departure that another host asks for', () => {
  let stage: Stage;
  let person: Person;
  let a: TestClient;
  let b: TestClient;

  before(async () => {
    stage = await raiseStage();
    person = await enrol(stage.coordinator);
    a = person.client;
    b = await addHost(person, stage.coordinator, 'laptop-b');
  });
  after(() => stage[Symbol.asyncDispose]());

  test('is told to the holder while its stream is open, and how it goes to whoever asked', async () => {
    const { desktopId } = await saveDesktop(a, stage.coordinator);
    const params = { desktopId };
    const progress = { epoch: 1, state: 'departing', phase: 'ram', doneBytes: 5, totalBytes: 10, found: null } as const;
    equal((await b.ask('askDeparture', { params, body: { epoch: 1 } })).inReach, false, 'nobody listens');
    const [holder, asker, stranger] = await Promise.all([EventListener.open(stage.coordinator, a), EventListener.open(stage.coordinator, b), EventListener.open(stage.coordinator, (await enrol(stage.coordinator, 'other')).client)]);
    const asked = await b.ask('askDeparture', { params, body: { epoch: 1 } });
    deepEqual([asked.holder, asked.inReach, asked.epoch, asked.takeOverInMs], ['laptop-a', true, 1, 0]);
    ok(asked.lastContactMs !== null && Math.abs(asked.lastContactMs - Date.now()) < 60_000);
    deepEqual(await holder.until('departure-asked'), { type: 'departure-asked', desktopId, epoch: 1, by: 'laptop-b' });
    await rejects(b.ask('tellDeparture', { params, body: progress }), { code: 'EPOCH_FENCED' }, 'it does not hold it');
    await a.ask('tellDeparture', { params, body: progress });
    deepEqual(await asker.until('departure-told'), { type: 'departure-told', desktopId, ...progress });
    await rejects(b.ask('askDeparture', { params, body: { epoch: 2 } }), { code: 'EPOCH_FENCED' });
    await a.ask('releaseDesktop', { params, body: { epoch: 1 } });
    await rejects(a.ask('tellDeparture', { params, body: progress }), { code: 'EPOCH_FENCED' });
    deepEqual(await b.ask('askDeparture', { params, body: { epoch: 1 } }), { epoch: 1, holder: null, inReach: false, lastContactMs: null, offline: 'keep', takeOverInMs: 0 });
    equal(holder.seen.filter(({ type }) => type === 'departure-asked').length, 1, 'a free desktop has nobody to ask');
    deepEqual(stranger.seen.map(({ type }) => type), ['hello']);
    await Promise.all([holder, asker, stranger].map((listener) => listener.close()));
  });

  test('is called off by whoever asked, and the holder is told', async () => {
    const { desktopId } = await saveDesktop(a, stage.coordinator);
    const holder = await EventListener.open(stage.coordinator, a);
    await b.ask('askDeparture', { params: { desktopId }, body: { epoch: 1, callOff: true } });
    deepEqual(await holder.until('departure-called-off'), { type: 'departure-called-off', desktopId, epoch: 1, by: 'laptop-b' });
    equal(holder.seen.some(({ type }) => type === 'departure-asked'), false);
    await holder.close();
  });

  test('an order to resume is passed on to hosts of the account alone, and so is how it goes', async () => {
    const { desktopId } = await saveDesktop(a, stage.coordinator);
    const params = { desktopId };
    const foreign = await enrol(stage.coordinator, 'foreign');
    const order = Buffer.alloc(150, 7).toString('base64url');
    equal((await a.ask('askArrival', { params, body: { to: b.device.hostId, order } })).inReach, false, 'nobody listens');
    const [there, here, stranger] = await Promise.all([EventListener.open(stage.coordinator, b), EventListener.open(stage.coordinator, a), EventListener.open(stage.coordinator, foreign.client)]);
    equal((await a.ask('askArrival', { params, body: { to: b.device.hostId, order } })).inReach, true);
    deepEqual(await there.until('arrival-asked'), { type: 'arrival-asked', desktopId, to: b.device.hostId, by: 'laptop-a', order });
    const told = { orderId: newId<OrderId>(systemRandom), state: 'running', phase: 'run', doneBytes: 5, totalBytes: null, runningMs: 230, found: null } as const;
    await b.ask('tellArrival', { params, body: told });
    deepEqual(await here.until('arrival-told'), { type: 'arrival-told', desktopId, host: b.device.hostId, ...told });
    await rejects(a.ask('askArrival', { params, body: { to: foreign.client.device.hostId, order } }), { code: 'DEVICE_UNKNOWN' }, 'a stranger that listens is not there');
    await rejects(foreign.client.ask('askArrival', { params, body: { to: b.device.hostId, order } }), { code: 'DESKTOP_NOT_FOUND' });
    await rejects(foreign.client.ask('tellArrival', { params, body: told }), { code: 'DESKTOP_NOT_FOUND' });
    deepEqual(stranger.seen.map(({ type }) => type), ['hello']);
    await Promise.all([there, here, stranger].map((listener) => listener.close()));
  });

  test('a take-over is news for the former holder at once, and a host is in reach as long as any of its streams is open', async () => {
    const saved = await saveDesktop(a, stage.coordinator);
    const params = { desktopId: saved.desktopId };
    const inReach = async (): Promise<boolean> => (await b.ask('readHolding', { params })).inReach;
    const [first, second] = [await EventListener.open(stage.coordinator, a), await EventListener.open(stage.coordinator, a)];
    equal(await inReach(), true);
    await first.close();
    equal(await inReach(), true);
    await takeOver(b, saved, 1);
    const { owner, epoch } = await second.until('desktop-changed');
    deepEqual([owner?.name, epoch], ['laptop-b', 2]);
    equal(await inReach(), false, 'the holder is another one now');
    await second.close();
  });
});
