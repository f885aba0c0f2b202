import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import { Fault, newId, systemRandom, type DesktopId, type HostId, type OrderId } from '@godwit/base';
import { cryptoReady, signArrivalOrder, type ArrivalOrder, type DeviceSecrets } from '@godwit/crypto';
import { textOf } from '@godwit/wire';
import { settle } from '../lease/testing/world.ts';
import { TwoEnds } from './testing/two-ends.ts';

before(cryptoReady);

/** A desktop that has left this host, and another one that can be asked to resume it. */
function stage(context: TestContext): TwoEnds {
  const ends = new TwoEnds(context);
  ends.free();
  return ends;
}

/** The guest runs there: the desktop has a holder and a new epoch. */
function acquired(ends: TwoEnds): void {
  ends.desktop = { ...ends.desktop, epoch: 6, owner: { hostId: ends.other.hostId, name: 'laptop-b' } };
}

describe('a host that is asked first', () => {
  test('says that it would take the desktop, which changes nothing', async (context) => {
    const ends = stage(context);
    equal(await ends.outcome(ends.arrival().assertReady(ends.desktop), 200), undefined);
    deepEqual(ends.resumed, []);
  });

  test('or why not: its person does not want it, it lacks something, it is not there', async (context) => {
    const ends = stage(context);
    ends.mayArrive = false;
    const refused = (await ends.outcome(ends.arrival().assertReady(ends.desktop), 200)) as Fault;
    deepEqual([refused.code, /laptop-b said: .*its person lets no other host/.test(refused.message)], ['ARRIVAL_REFUSED', true], refused.message);
    ends.mayArrive = true;
    ends.fits = () => Promise.reject(new Fault('HOST_UNFIT', { subject: 'work', found: 'no avx2' }));
    match(((await ends.outcome(ends.arrival().assertReady(ends.desktop), 200)) as Fault).message, /no avx2 \[HOST_UNFIT\]/);
    ends.inReach = false;
    equal(((await ends.outcome(ends.arrival().assertReady(ends.desktop), 5_100)) as Fault).code, 'HOST_OUT_OF_REACH');
  });

  test('is looked for again where it has no stream just now, and asked again where it says nothing', async (context) => {
    const ends = stage(context);
    ends.inReach = false;
    const returning = ends.arrival().assertReady(ends.desktop);
    equal(await ends.outcome(returning.then(() => 'ready'), 4_000), undefined);
    ends.inReach = true;
    equal(await ends.outcome(returning.then(() => 'ready'), 600), 'ready');
    ends.losesOrders = true;
    const unheard = ends.arrival().assertReady(ends.desktop);
    equal(await ends.outcome(unheard.then(() => 'ready'), 3_900), undefined);
    ends.losesOrders = false;
    equal(await ends.outcome(unheard.then(() => 'ready'), 200), 'ready');
  });

  test('is called off while it thinks about it', async (context) => {
    const ends = stage(context);
    ends.fits = () => new Promise(() => undefined);
    equal(((await ends.outcome(ends.arrival().assertReady(ends.desktop, AbortSignal.abort()), 200)) as Fault).code, 'CANCELLED');
    equal(((await ends.outcome(ends.arrival().assertReady(ends.desktop), 11_000)) as Fault).code, 'HOST_OUT_OF_REACH');
  });
});

describe('a host that is ordered to resume', () => {
  test('does, tells how it goes, and how long it took', async (context) => {
    const ends = stage(context);
    ends.resumeThere = async (_signal, report) => {
      report({ phase: 'load', doneBytes: 50, totalBytes: 100, bytesPerSecond: null, leftMs: null, elapsedMs: 1, say: null });
      await settle();
      acquired(ends);
      return 230;
    };
    deepEqual(await ends.outcome(ends.arrival().resume(ends.desktop, ends.report), 1_000), { runningMs: 230 });
    deepEqual(ends.said.map(({ phase, host, doneBytes }) => [phase, host, doneBytes]), [['ask', 'laptop-b', 0], ['load', 'laptop-b', 50]]);
    deepEqual(ends.resumed, ['work']);
  });

  test('goes on telling how its memory comes: that it runs was heard all the same, whichever word overtakes the other', async (context) => {
    const ends = stage(context);
    const late = { phase: 'fill', doneBytes: 50, totalBytes: 100, bytesPerSecond: null, leftMs: null, elapsedMs: 1, say: null };
    ends.resumeThere = (_signal, report) => {
      setTimeout(() => report(late), 10);
      acquired(ends);
      return Promise.resolve(230);
    };
    const publish = ends.publish.bind(ends);
    const states: string[] = [];
    ends.publish = (message) => {
      publish(message);
      if (message.type !== 'arrival-told') return;
      states.push(message.state);
      if (message.state === 'running') publish({ ...message, state: 'arriving', phase: 'run', runningMs: null });
    };
    deepEqual(await ends.outcome(ends.arrival().resume(ends.desktop, ends.report), 1_000), { runningMs: 230 });
    deepEqual(states, ['running'], 'and whoever it told that it runs is told no more');
  });

  test('runs, and cannot tell it at once: tells it again', async (context) => {
    const ends = stage(context);
    ends.resumeThere = () => {
      acquired(ends);
      ends.deaf = true;
      return Promise.resolve(88);
    };
    const arriving = ends.arrival().resume(ends.desktop, ends.report);
    equal(await ends.outcome(arriving, 3_000), undefined);
    ends.deaf = false;
    deepEqual(await ends.outcome(arriving, 3_000), { runningMs: 88 });
  });

  test('fails: why, and that the desktop is safe in the store', async (context) => {
    const ends = stage(context);
    ends.resumeThere = () => Promise.reject(new Fault('DISK_FULL'));
    const fault = (await ends.outcome(ends.arrival().resume(ends.desktop, ends.report), 1_000)) as Fault;
    equal(fault.code, 'ARRIVAL_FAILED');
    match(fault.message, /laptop-b said: .*\[DISK_FULL\]/);
    match(fault.hint, /^work is safe in the store as checkpoint 4, held by nobody; `godwit resume work`/);
  });

  test('says nothing for 20 s: it is told that it is not wanted any more, and the desktop is where the coordinator says', async (context) => {
    const ends = stage(context);
    ends.resumeThere = (signal, report) => {
      report({ phase: 'load', doneBytes: 0, totalBytes: 100, bytesPerSecond: null, leftMs: null, elapsedMs: 1, say: null });
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Fault('CANCELLED'))));
    };
    const fault = (await ends.outcome(ends.arrival().resume(ends.desktop, ends.report), 22_000)) as Fault;
    equal(fault.code, 'ARRIVAL_FAILED');
    match(fault.message, /said nothing for 20 s/);
    match(fault.hint, /held by nobody/);
    equal(ends.calls.filter((id) => id === 'askArrival').length, 6, 'the order, again each time that 4 s passed in silence, and what calls it off');
    equal(ends.resumed.length, 1, 'an order that comes again is the same order');
  });

  test('is called off before it runs, or too late', async (context) => {
    const calledOff = async (ends: TwoEnds): Promise<Fault> => {
      const controller = new AbortController();
      const arriving = ends.arrival().resume(ends.desktop, ends.report, controller.signal);
      await ends.clock.pass(1_000);
      controller.abort();
      return (await ends.outcome(arriving, 2_000)) as Fault;
    };
    const ends = stage(context);
    ends.resumeThere = (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Fault('CANCELLED'))));
    const off = await calledOff(ends);
    deepEqual([off.code, off.found], ['CANCELLED', 'called off on laptop-b too: work is safe in the store as checkpoint 4, held by nobody; `godwit resume work` goes on with it on any host']);
    context.mock.timers.reset();
    const late = stage(context);
    late.resumeThere = (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve((acquired(late), 99))));
    deepEqual((await calledOff(late)).found, 'too late to call it off: work runs on laptop-b');
  });

  test('hears the same order again after the coordinator was away: it is resumed once', async (context) => {
    const ends = stage(context);
    ends.resumeThere = () => (acquired(ends), Promise.resolve(77));
    const arrival = ends.arrival();
    const told = Promise.withResolvers<undefined>();
    // The word that it runs is lost with the coordinator.
    ends.resumeThere = async () => {
      acquired(ends);
      ends.up = false;
      await told.promise;
      return 77;
    };
    const arriving = arrival.resume(ends.desktop, ends.report);
    await ends.clock.pass(1_000);
    told.resolve(undefined);
    equal(await ends.outcome(arriving, 5_000), undefined);
    ends.up = true;
    ends.hello();
    deepEqual(await ends.outcome(arriving, 2_000), { runningMs: 77 });
    deepEqual(ends.resumed, ['work']);
  });
});

test('an order counts only with the signature of a host of the account, for this host, this desktop, its epoch, and now', async (context) => {
  const ends = stage(context);
  const { desktopId } = ends.desktop;
  const send = async (change: Partial<ArrivalOrder>, by: DeviceSecrets, aboutId = desktopId): Promise<void> => {
    const order = signArrivalOrder({ act: 'resume', orderId: newId<OrderId>(systemRandom), desktopId, to: ends.other.hostId, epoch: 5, signedMs: ends.clock.wallMs(), ...change }, by);
    ends.publish({ type: 'arrival-asked', desktopId: aboutId, to: ends.other.hostId, by: 'laptop-a', order: textOf(order) });
    await settle();
  };
  await send({}, ends.stranger);
  await send({}, ends.revoked);
  await send({ to: newId<HostId>(systemRandom) }, ends.self);
  await send({ desktopId: newId<DesktopId>(systemRandom) }, ends.self);
  await send({}, ends.self, newId<DesktopId>(systemRandom));
  await send({ signedMs: ends.clock.wallMs() - 301_000 }, ends.self);
  await send({ signedMs: ends.clock.wallMs() + 301_000 }, ends.self);
  await send({ epoch: 4 }, ends.self);
  deepEqual(ends.resumed, []);
  ends.mayArrive = false;
  await send({}, ends.self);
  deepEqual(ends.resumed, [], 'refused again where it counts');
  ends.mayArrive = true;
  await send({}, ends.self);
  deepEqual(ends.resumed, ['work'], 'nothing else was wrong with the others');
  acquired(ends);
  await send({}, ends.self);
  deepEqual(ends.resumed, ['work'], 'an epoch is good for one');
  ok(ends.calls.includes('tellArrival'));
});
