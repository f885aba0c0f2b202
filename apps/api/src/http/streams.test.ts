import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WebSocket } from 'ws';
import { Drain } from './drain.ts';
import { connectAgainCode, sendAwayEvenly, type Stream } from './streams.ts';

const [OPEN, CLOSING] = [1, 2];

/** So many clients, which note that they were asked to go. */
function streamOf(count: number): { stream: Stream; gone: () => number } {
  const clients = Array.from({ length: count }, () => {
    const client = { readyState: OPEN, OPEN, close: (code: number) => {
      equal(code, connectAgainCode);
      equal(client.readyState, OPEN, 'asked once');
      client.readyState = CLOSING;
    } };
    return client;
  });
  const stream = { path: '/', clients: new Set(clients) as unknown as ReadonlySet<WebSocket>, take: () => Promise.resolve(), close: () => undefined };
  return { stream, gone: () => clients.filter(({ readyState }) => readyState === CLOSING).length };
}

describe('streams of a coordinator that stops', () => {
  test('are sent away in the second half of the drain, evenly, and all of them', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const [hosts, pages] = [streamOf(900), streamOf(100)];
    const drained = new Drain().begin(10_000, new Promise(() => undefined), (overMs) => sendAwayEvenly([hosts.stream, pages.stream], overMs));
    const seen: number[] = [];
    for (let second = 1; second <= 9; second += 1) {
      t.mock.timers.tick(1_000);
      seen.push(hosts.gone() + pages.gone());
    }
    deepEqual(seen, [0, 0, 0, 0, 0, 200, 400, 600, 800]);
    t.mock.timers.tick(1_000);
    await drained;
    deepEqual([hosts.gone(), pages.gone()], [900, 100]);
  });

  test('stay for the stop itself where somebody hurries, and where there is no drain', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const { stream, gone } = streamOf(10);
    const hurry = Promise.withResolvers<undefined>();
    const drained = new Drain().begin(10_000, hurry.promise, (overMs) => sendAwayEvenly([stream], overMs));
    for (const ms of [5_000, 1_000]) t.mock.timers.tick(ms);
    hurry.resolve(undefined);
    await drained;
    const before = gone();
    equal(before, 2);
    t.mock.timers.tick(60_000);
    equal(gone(), before);
    await new Drain().begin(0, new Promise(() => undefined), () => { throw new Error('nobody is sent away'); });
  });
});
