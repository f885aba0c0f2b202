import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Fault, systemClock } from '@godwit/base';
import { refusedWith, storeConformance } from './conformance.ts';
import { memoryStore } from './memory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { signedUrlStore, type SignedUrlStoreOptions } from './signed-url-store.ts';

/** What the server does with a request before it is good, if anything: answer something else, or break the connection. */
type Mischief = (request: IncomingMessage, response: ServerResponse, token: number) => boolean;

interface Loopback {
  readonly store: ObjectStore;
  readonly objects: ReturnType<typeof memoryStore>;
  readonly minted: string[][];
  readonly requests: string[];
  mischief: Mischief;
  close(): Promise<void>;
}

async function loopback(options: Partial<SignedUrlStoreOptions> = {}): Promise<Loopback> {
  const objects = memoryStore();
  const minted: string[][] = [];
  const requests: string[] = [];
  const state: { mischief: Mischief } = { mischief: () => false };
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://loopback');
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    requests.push(`${request.method} ${url.pathname} ${request.headers.range ?? ''}`.trim());
    if (state.mischief(request, response, Number(url.searchParams.get('token')))) return;
    const answer = (status: number, body: Uint8Array = Buffer.alloc(0), headers: Record<string, string> = {}): void => void response.writeHead(status, { 'content-length': body.length, ...headers }).end(body);
    const key = url.pathname.slice(1);
    try {
      if (request.method === 'PUT') {
        if (request.headers['x-signed'] !== 'yes') {
          answer(403);
          return;
        }
        await objects.put(key, Buffer.concat(pieces));
        answer(201);
        return;
      }
      const whole = await objects.get(key);
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      if (first === undefined || last === undefined) {
        answer(200, whole);
        return;
      }
      if (Number(first) >= whole.length) {
        answer(416, Buffer.alloc(0), { 'content-range': `bytes */${whole.length}` });
        return;
      }
      const part = whole.subarray(Number(first), Number(last) + 1);
      answer(206, part, { 'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${whole.length}` });
    } catch (error) {
      const code = error instanceof Fault ? error.code : 'INTERNAL';
      answer({ OBJECT_MISSING: 404, OBJECT_EXISTS: 412 }[code as string] ?? 500);
    }
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let token = 0;
  const store = signedUrlStore({
    clock: systemClock,
    deadlineMs: 2000,
    backOffMs: 2,
    mint: async (operation, wanted) => {
      minted.push([operation, ...wanted.map(({ key }) => key)]);
      token += 1;
      return wanted.map(({ key }) => ({ key, url: `http://127.0.0.1:${port}/${key}?token=${token}`, expiresMs: Date.now() + 60_000, ...(operation === 'put' ? { headers: { 'x-signed': 'yes' } } : {}) }));
    },
    ...options,
  });
  return {
    store,
    objects,
    minted,
    requests,
    set mischief(mischief: Mischief) {
      state.mischief = mischief;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

storeConformance({ name: 'signed-url', lists: false, test, open: async () => await loopback() });

const key = 'd-1/p-1';
const body = Buffer.alloc(3000, 'x');

async function withLoopback(use: (server: Loopback) => Promise<void>, options: Partial<SignedUrlStoreOptions> = {}): Promise<void> {
  const server = await loopback(options);
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

test('signed-url: a GET URL is minted once for many reads, and keys wanted together share a call', async () => {
  await withLoopback(async ({ store, minted, objects }) => {
    for (const name of ['a-1', 'a-2', 'a-3']) await objects.put(name, body);
    await Promise.all(['a-1', 'a-2', 'a-3', 'a-1'].map(async (name) => await store.get(name)));
    await store.get('a-2', { offsetBytes: 0, lengthBytes: 5 });
    assert.deepEqual(minted, [['get', 'a-1', 'a-2', 'a-3']]);
  });
});

test('signed-url: what fails in passing is tried again', async () => {
  const breaks: Mischief[] = [
    (_, response) => (response.writeHead(503, { 'retry-after': '0' }).end(), true),
    (_, response) => (response.writeHead(429).end(), true),
    (request) => (request.socket.destroy(), true),
    (request, response) => (response.writeHead(200, { 'content-length': 3000 }).write('half'), setTimeout(() => request.socket.destroy(), 5), true),
  ];
  for (const mischief of breaks) {
    await withLoopback(async (server) => {
      let left = 2;
      server.mischief = (...exchange) => left-- > 0 && mischief(...exchange);
      await server.store.put(key, body);
      left = 2;
      assert.ok((await server.store.get(key)).equals(body));
    });
  }
});

test('signed-url: a write that was stored but answered 500 is our own when it comes again', async () => {
  await withLoopback(async (server) => {
    let left = 1;
    server.mischief = (request, response) => {
      if (request.method !== 'PUT' || left-- <= 0) return false;
      void server.objects.put(key, body).then(() => response.writeHead(500).end());
      return true;
    };
    await server.store.put(key, body);
  });
});

test('signed-url: a store that stays down, denies, or answers nonsense is named', async () => {
  const cases: [number, 'STORE_UNAVAILABLE' | 'STORE_DENIED' | 'OBJECT_MISSING'][] = [[500, 'STORE_UNAVAILABLE'], [403, 'STORE_DENIED'], [404, 'OBJECT_MISSING'], [302, 'STORE_UNAVAILABLE'], [204, 'STORE_UNAVAILABLE']];
  for (const [status, code] of cases) {
    await withLoopback(
      async (server) => {
        server.mischief = (_, response) => (response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end(), true);
        await refusedWith(code, server.store.get(key));
      },
      { attempts: 2 },
    );
  }
});

test('signed-url: a refused URL is minted anew once', async () => {
  await withLoopback(async (server) => {
    await server.objects.put(key, body);
    server.mischief = (_, response, token) => token === 1 && (response.writeHead(403).end(), true);
    assert.ok((await server.store.get(key)).equals(body));
    assert.equal(server.minted.length, 2);
  });
});

test('signed-url: an answer that never comes ends at the deadline; a cancelled store ends at once', async () => {
  const cancel = new AbortController();
  await withLoopback(
    async (server) => {
      server.mischief = () => true;
      await refusedWith('STORE_UNAVAILABLE', server.store.get(key, { offsetBytes: 0, lengthBytes: 1 }));
      const waiting = server.store.get(key);
      setTimeout(() => cancel.abort(), 20);
      await refusedWith('CANCELLED', waiting);
    },
    { attempts: 1, deadlineMs: 150, signal: cancel.signal },
  );
});

test('signed-url: an answer longer than what was asked for is refused while it arrives', async () => {
  let writtenBytes = 0;
  await withLoopback(
    async (server) => {
      server.mischief = (_, response) => {
        response.writeHead(206);
        const more = (): void => {
          do writtenBytes += 65536;
          while (!response.destroyed && response.write(Buffer.alloc(65536)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
        return true;
      };
      await refusedWith('STORE_UNAVAILABLE', server.store.get(key, { offsetBytes: 0, lengthBytes: 100 }));
      assert.ok(writtenBytes < 2 ** 25, `${writtenBytes} bytes were taken`);
    },
    { attempts: 1 },
  );
});
