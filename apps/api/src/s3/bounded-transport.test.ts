import { equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { boundedTransport } from './bounded-transport.ts';

const deadlineMs = 150;

test('a store that never answers, or stops in the middle, ends with the deadline', async () => {
  await asking((_request, response) => void response.on('error', () => undefined), async (ask) => {
    await rejects(ask(), { code: 'STORE_UNAVAILABLE' });
  });
  await asking((_request, response) => void response.writeHead(200).write('half'), async (ask) => {
    await rejects(text(await ask()));
  });
});

test('an answer comes as it is, and one without end is cut', async () => {
  await asking((_request, response) => void response.writeHead(404, { 'x-a': 'b' }).end('whole'), async (ask) => {
    const answer = await ask();
    equal([answer.statusCode, answer.headers['x-a'], await text(answer)].join(), '404,b,whole');
  }, 60_000);
  let sentBytes = 0;
  await asking((_request, response) => {
    const go = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 20))) sentBytes += 2 ** 20;
    };
    response.on('drain', go);
    go();
  }, async (ask) => {
    await rejects(text(await ask()), { code: 'STORE_UNAVAILABLE' });
    ok(sentBytes < 64 * 2 ** 20, `${sentBytes} bytes`);
  }, 60_000);
});

test('trouble that passes leaves the connection free', async () => {
  await asking((_request, response) => void response.writeHead(503).end('slow down'), async (ask) => {
    const answer = await ask();
    equal(answer.statusCode, 503);
    // `minio` leaves it unread: it has to come to its end by itself.
    if (!answer.readableEnded) await once(answer, 'end');
  }, 60_000);
});

async function asking(listener: RequestListener, use: (ask: () => Promise<IncomingMessage>) => Promise<void>, limitMs = deadlineMs): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    await use(() => new Promise((resolve, reject) => {
      const sent = boundedTransport('http:', limitMs).request({ host: '127.0.0.1', port }, resolve);
      sent.on('error', reject);
      sent.end();
    }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
