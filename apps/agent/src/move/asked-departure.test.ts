import { deepEqual, equal } from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault, silentLog } from '@godwit/base';
import type { Coordinator } from '../account/coordinator.ts';
import { AskedDepartures, type AskedParts } from './asked-departure.ts';
import { TestClock, TestDesktop } from '../lease/testing/world.ts';

interface Told {
  readonly state: string;
  readonly phase: string;
  readonly found: string | null;
}

function stage(context: TestContext, suspend: AskedParts['suspend']): { desktop: TestDesktop; told: Told[]; clock: TestClock; ask: (epoch?: number) => Promise<void>; callOff: (epoch?: number) => void; by: string[] } {
  const clock = new TestClock(context);
  const desktop = new TestDesktop(1, 'keep');
  const told: Told[] = [];
  const call = ((_id: string, { body }: { body: Told }) => {
    told.push({ state: body.state, phase: body.phase, found: body.found });
    // That it was not told is no reason to stop.
    return Promise.reject(new Fault('EPOCH_FENCED'));
  }) as unknown as Coordinator['call'];
  const find: AskedParts['find'] = (desktopId, epoch) => (desktopId === desktop.record.desktopId && epoch === desktop.record.epoch ? desktop : undefined);
  const message = { type: 'departure-asked', desktopId: desktop.record.desktopId, by: 'laptop-b' } as const;
  const by: string[] = [];
  const departures = new AskedDepartures({ coordinator: { call }, clock, log: silentLog, find, suspend, onDeparture: (name, host) => by.push(`${name} ${host}`) });
  return { desktop, told, clock, by, ask: (epoch = 5) => departures.asked({ ...message, epoch }), callOff: (epoch = 5) => departures.calledOff({ ...message, type: 'departure-called-off', epoch }) };
}

const progress = (phase: string, doneBytes = 0) => ({ phase, doneBytes, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 0, say: null });

test('a departure that is asked for is made, and told of twice in a second at most', async (context) => {
  const names: string[] = [];
  const { told, clock, ask } = stage(context, async (name, report) => {
    names.push(name);
    for (let round = 0; round < 40; round += 1) {
      report(progress('upload', round));
      await clock.pass(50);
    }
  });
  await ask();
  deepEqual(names, ['d1']);
  equal(told.length, 4);
  deepEqual(told[0], { state: 'departing', phase: 'upload', found: null });
});

test('every phase of it is told, however short, in its order', async (context) => {
  const phases = ['check', 'prepare', 'capture', 'freeze', 'upload', 'commit'];
  const { told, ask } = stage(context, async (_name, report) => {
    for (const phase of phases) report(progress(phase));
    // As long as it takes to tell: no time passes meanwhile.
    while (told.length < phases.length) await new Promise((resolve) => setImmediate(resolve));
  });
  await ask();
  deepEqual(told.map(({ phase }) => phase), phases);
});

test('one that fails is told with the reason, cut to what fits', async (context) => {
  const { told, ask } = stage(context, () => Promise.reject(new Fault('DISK_FULL', { subject: 'x'.repeat(600) })));
  await ask();
  deepEqual([told[0]?.state, told[0]?.found?.length, told.length], ['failed', 512, 1]);
});

test('nothing is done for another epoch, nor while it departs already', async (context) => {
  let asked = 0;
  const { desktop, told, ask } = stage(context, () => Promise.resolve((asked += 1)));
  await ask(4);
  desktop.operation = 'departing';
  await ask();
  deepEqual([asked, told], [0, []]);
});

test('one that is called off is rolled back and told as failed; one that its own person began is nobody else\'s to call off', async (context) => {
  const { told, by, ask, callOff } = stage(context, (name, _report, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Fault('CANCELLED', { subject: name, found: 'rolled back: it runs on' })))));
  callOff();
  const asking = ask();
  const again = ask();
  callOff(4);
  await again;
  deepEqual([told, by], [[], ['d1 laptop-b']]);
  callOff();
  await asking;
  deepEqual(told.map(({ state, found }) => [state, found]), [['failed', 'the operation was cancelled (d1): found rolled back: it runs on [CANCELLED]']]);
});
