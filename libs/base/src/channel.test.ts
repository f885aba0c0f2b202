import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Channel } from './channel.ts';

async function drain<Item>(channel: Channel<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of channel) items.push(item);
  return items;
}

/** Whether a promise has settled once everything that could run has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = (): void => { done = true; };
  promise.then(mark, mark);
  await setImmediate();
  return done;
}

describe('Channel', () => {
  test('delivers in order, falsy items too', async () => {
    const channel = new Channel<unknown>(8);
    const items = [undefined, null, 0, '', false, Number.NaN, undefined];
    for (const item of items) await channel.send(item);
    channel.close();
    assert.deepEqual(await drain(channel), items);
  });

  test('makes a producer wait while it is full, and no longer', async () => {
    const channel = new Channel<number>(2);
    await channel.send(1);
    await channel.send(2);
    const third = channel.send(3);
    const fourth = channel.send(4);
    assert.equal(await settled(third), false);
    const consumer = channel[Symbol.asyncIterator]();
    assert.deepEqual(await consumer.next(), { value: 1, done: false });
    assert.equal(await settled(third), true);
    assert.equal(await settled(fourth), false);
    await consumer.next();
    assert.equal(await settled(fourth), true);
  });

  test('keeps the order of sends that nobody waited for', async () => {
    const channel = new Channel<number>(1);
    const consumer = channel[Symbol.asyncIterator]();
    const first = [channel.send(0), channel.send(1)];
    assert.equal((await consumer.next()).value, 0);
    const later = [channel.send(2), channel.send(3)];
    for (const expected of [1, 2, 3]) assert.equal((await consumer.next()).value, expected);
    await Promise.all([...first, ...later]);
  });

  test('close delivers what is queued, then the end; a send after it or waiting at it is refused', async () => {
    const channel = new Channel<string>(1);
    await channel.send('queued');
    const waiting = assert.rejects(channel.send('too late'), { code: 'INTERNAL' });
    channel.close();
    await waiting;
    assert.deepEqual(await drain(channel), ['queued']);
    await assert.rejects(channel.send('never'), { code: 'INTERNAL' });
  });

  test('close ends a consumer that waits', async () => {
    const channel = new Channel<string>(1);
    const drained = drain(channel);
    await setImmediate();
    channel.close();
    assert.deepEqual(await drained, []);
  });

  test('fail reaches both sides at once, with the first error; what was queued is not delivered', async () => {
    const channel = new Channel<string>(1);
    const error = new Error('the store is gone');
    await channel.send('queued');
    const waiting = assert.rejects(channel.send('more'), error);
    channel.fail(error);
    channel.fail(new Error('an echo'));
    await waiting;
    await assert.rejects(channel.send('later'), error);
    await assert.rejects(drain(channel), error);
  });

  test('fail reaches a consumer that waits, even with undefined', async () => {
    const channel = new Channel<string>(1);
    const outcome = drain(channel).then(() => 'ended', (error: unknown) => ({ error }));
    await setImmediate();
    channel.fail(undefined);
    assert.deepEqual(await outcome, { error: undefined });
  });

  test('a consumer that leaves early does not leave a producer waiting', async () => {
    const channel = new Channel<number>(1);
    await channel.send(1);
    const waiting = [assert.rejects(channel.send(2).then(() => channel.send(3)), { code: 'CANCELLED' }), assert.rejects(channel.send(4), { code: 'CANCELLED' })];
    for await (const item of channel) {
      assert.equal(item, 1);
      break;
    }
    await Promise.all(waiting);
    await assert.rejects(channel.send(5), { code: 'CANCELLED' });
  });

  test('has one consumer', async () => {
    const channel = new Channel<number>(1);
    const first = drain(channel);
    await assert.rejects(drain(channel), { code: 'INTERNAL' });
    channel.close();
    assert.deepEqual(await first, []);
  });

  for (const capacity of [0, -1, 1.5, Number.NaN, Infinity]) {
    test(`a capacity of ${capacity} is refused`, () => assert.throws(() => new Channel(capacity), { code: 'VALUE_OUT_OF_RANGE' }));
  }

  test('loses nothing and wakes everybody, however producers and consumer interleave', async () => {
    await fc.assert(fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.array(fc.nat({ max: 2 }), { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 12 }),
      async (capacity, producers, pauses) => {
        const channel = new Channel<{ producer: number; turn: number }>(capacity);
        let sent = 0;
        const produced = Promise.all(producers.map(async (turns, producer) => {
          for (const [turn, pause] of turns.entries()) {
            await rest(pause);
            await channel.send({ producer, turn });
            sent += 1;
          }
        })).then(() => channel.close());
        const next = producers.map(() => 0);
        let received = 0;
        for await (const { producer, turn } of channel) {
          assert.equal(turn, next[producer]!++);
          received += 1;
          await rest(pauses[received % pauses.length]!);
          assert.ok(sent - received <= capacity, `${sent - received} queued`);
        }
        await produced;
        assert.deepEqual(next, producers.map(({ length }) => length));
      },
    ), { numRuns: 200 });
  });
});

/** 0: goes on; 1: one microtask; 2: a turn of the event loop. */
async function rest(kind: number): Promise<void> {
  if (kind === 1) await Promise.resolve();
  if (kind === 2) await setImmediate();
}
