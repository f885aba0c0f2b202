import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { Clock } from '@godwit/base';
import fc from 'fast-check';
import { signedUrlStore } from './signed-url-store.ts';
import { UploadLimit } from './upload-limit.ts';

/** Time goes on only while somebody sleeps. */
class SleptClock implements Clock {
  nowMs = 1_000;
  readonly wallMs = (): number => this.nowMs;
  readonly bootMs = (): number => this.nowMs;
  readonly workMs = (): number => this.nowMs;
  readonly sleep = (waitMs: number): Promise<void> => {
    this.nowMs += waitMs;
    return Promise.resolve();
  };
}

const never = new AbortController().signal;

describe('an upload limit', () => {
  test('lets no more pass in any stretch of time than its rate allows, and one piece', async () => {
    const steps = fc.array(fc.record({ idleMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 })), part: fc.double({ min: 0.01, max: 1, noNaN: true }) }), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 131_072, max: 50_000_000 }), steps, async (bytesPerSecond, wishes) => {
        const clock = new SleptClock();
        const limit = new UploadLimit({ bytesPerSecond, clock, sleep: clock.sleep });
        const passed: { atMs: number; lengthBytes: number }[] = [];
        for (const { idleMs, part } of wishes) {
          clock.nowMs += idleMs;
          const lengthBytes = Math.max(1, Math.floor(limit.pieceBytes * part));
          await limit.pass(lengthBytes, never);
          passed.push({ atMs: clock.nowMs, lengthBytes });
        }
        for (let first = 0; first < passed.length; first += 1) {
          let bytes = 0;
          for (let last = first; last < passed.length; last += 1) {
            bytes += passed[last]!.lengthBytes;
            const spanMs = passed[last]!.atMs - passed[first]!.atMs;
            assert.ok(bytes <= (bytesPerSecond * spanMs) / 1000 + limit.pieceBytes + 1, `${bytes} bytes in ${spanMs} ms at ${bytesPerSecond}/s`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('wastes nothing: whoever always has more to send gets the whole rate', async () => {
    const clock = new SleptClock();
    const limit = new UploadLimit({ bytesPerSecond: 1_000_000, clock, sleep: clock.sleep });
    const startedMs = clock.nowMs;
    for (let sentBytes = 0; sentBytes < 10_000_000; sentBytes += limit.pieceBytes) await limit.pass(limit.pieceBytes, never);
    assert.ok(Math.abs(clock.nowMs - startedMs - 10_000) <= 50, `${clock.nowMs - startedMs} ms`);
  });

  test('gives each upload its turn, also after one that failed', async () => {
    const limit = new UploadLimit({ bytesPerSecond: 1_000_000, clock: new SleptClock() });
    const order: string[] = [];
    const upload = (name: string, fails = false) => limit.turn(async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
    const results = await Promise.allSettled([upload('a'), upload('b', true), upload('c')]);
    assert.deepEqual(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  test('ends a wait when the upload is cancelled', async () => {
    const clock: Clock = { wallMs: () => 0, bootMs: () => 0, workMs: () => 0 };
    const limit = new UploadLimit({ bytesPerSecond: 131_072, clock });
    const cancel = new AbortController();
    for (let piece = 0; piece < 4; piece += 1) await Promise.race([limit.pass(limit.pieceBytes, never), Promise.resolve()]);
    const waiting = limit.pass(limit.pieceBytes, cancel.signal);
    cancel.abort();
    await waiting;
  });

  test('holds within a pack and across the uploads of a store: 4 MiB at 1 MiB/s take 4 s of its clock', async () => {
    const clock = new SleptClock();
    const arrived: { atMs: number; totalBytes: number }[] = [];
    let totalBytes = 0;
    const server = await listen((lengthBytes) => arrived.push({ atMs: clock.nowMs, totalBytes: (totalBytes += lengthBytes) }));
    try {
      const { port } = server.address() as AddressInfo;
      const bytesPerSecond = 2 ** 20;
      const limit = new UploadLimit({ bytesPerSecond, clock, sleep: clock.sleep });
      const sent: number[] = [];
      const store = signedUrlStore({
        clock,
        limit,
        onSent: (lengthBytes) => sent.push(lengthBytes),
        mint: async (_, objects) => objects.map(({ key }) => ({ key, url: `http://127.0.0.1:${port}/${key}`, expiresMs: clock.nowMs + 60_000 })),
      });
      const startedMs = clock.nowMs;
      await Promise.all(['a-1', 'a-2', 'a-3', 'a-4'].map((key) => store.put(key, Buffer.alloc(2 ** 20, key))));
      assert.equal(totalBytes, 4 * 2 ** 20);
      assert.equal(sent.reduce((sum, lengthBytes) => sum + lengthBytes, 0), totalBytes);
      assert.ok(sent.every((lengthBytes) => lengthBytes <= limit.pieceBytes), 'a pack goes out in pieces');
      const tookMs = clock.nowMs - startedMs;
      assert.ok(tookMs >= 3_950 && tookMs < 4_100, `${tookMs} ms`);
      for (const { atMs, totalBytes: soFar } of arrived) assert.ok(soFar <= ((atMs - startedMs) * bytesPerSecond) / 1000 + limit.pieceBytes + 1, `${soFar} bytes after ${atMs - startedMs} ms`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('what went in vain is taken back from what is told, and goes again', async () => {
    let failures = 2;
    const server = await listen(() => undefined, () => (failures -= 1) >= 0);
    try {
      const { port } = server.address() as AddressInfo;
      let sentBytes = 0;
      const clock = new SleptClock();
      const store = signedUrlStore({
        clock,
        backOffMs: 1,
        onSent: (lengthBytes) => (sentBytes += lengthBytes),
        mint: async (_, objects) => objects.map(({ key }) => ({ key, url: `http://127.0.0.1:${port}/${key}`, expiresMs: clock.nowMs + 60_000 })),
      });
      await store.put('a-1', Buffer.alloc(2 ** 20));
      assert.deepEqual([sentBytes, failures], [2 ** 20, -1]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

/** Takes every object; `onBytes` is told of each piece as it comes, `fails` whether a request is answered with 503. */
async function listen(onBytes: (lengthBytes: number) => void, fails: () => boolean = () => false): Promise<Server> {
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => onBytes(chunk.length));
    request.on('end', () => response.writeHead(fails() ? 503 : 201).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
