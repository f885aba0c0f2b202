import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { ShapedLink } from './shaped-link.ts';

const content = Buffer.alloc(300_000, 'over the link and back, ');

describe('a shaped link', () => {
  let server: Server;
  before(async () => {
    // Answers with what it was told, when it was told all of it.
    server = createServer({ allowHalfOpen: true }, (socket) => void buffer(socket).then((bytes) => socket.end(bytes))).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  const said = async (port: number): Promise<Buffer> => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(content);
    return await buffer(socket);
  };

  test('brings every byte both ways, on several connections, and no sooner than it can', async () => {
    await using link = await ShapedLink.to((server.address() as AddressInfo).port, { bitsPerSecond: 1e8, roundTripMs: 20 });
    const startedMs = performance.now();
    for (const bytes of await Promise.all([said(link.port), said(link.port), said(link.port)])) assert.ok(bytes.equals(content));
    // Two round trips, and three times the content each way; how much longer it took is the machine's business.
    assert.ok(performance.now() - startedMs >= 40 + (2 * 3 * content.length) / 12_500 - 1);
  });

  test('a connection that breaks on one side breaks on the other', async () => {
    const broken = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
    await once(broken, 'listening');
    await using link = await ShapedLink.to((broken.address() as AddressInfo).port, { bitsPerSecond: 1e9, roundTripMs: 1 });
    const socket = connect(link.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'close');
    broken.close();
  });
});
