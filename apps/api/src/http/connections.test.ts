import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Connections } from './connections.ts';

/** A server that answers `/now` at once and nothing else ever, with room for three connections. */
describe('connections that are too many', { timeout: 20_000 }, () => {
  let server: Server;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === '/now') response.end('here');
    });
    new Connections(server, 3);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  interface Client {
    readonly socket: Socket;
    readonly closed: Promise<unknown>;
    /** The first of what the server says; never, if it says nothing. */
    readonly said: Promise<string>;
  }

  const open = async (sent = ''): Promise<Client> => {
    const accepted = once(server, 'connection');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const said = new Promise<string>((resolve) => socket.once('data', (piece: Buffer) => resolve(piece.toString())));
    socket.resume();
    await accepted;
    const heard = sent.includes('\r\n\r\n') ? once(server, 'request') : undefined;
    if (sent !== '') socket.write(sent);
    await heard;
    return { socket, closed, said };
  };
  const request = (path: string, bytes = 0): string => `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n`;
  const endAll = async (all: readonly Client[]): Promise<void> => {
    for (const { socket } of all) socket.destroy();
    await Promise.all(all.map(({ closed }) => closed));
    while ((await count()) > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  const count = (): Promise<number> => new Promise((resolve, reject) => server.getConnections((error, open) => (error === null ? resolve(open) : reject(error))));

  test('the oldest of the silent and the slow make room; what is answered and what brings an object stays', async () => {
    const answered = await open(request('/never'));
    const upload = await open(request('/objects/a', 10));
    const slow = await open(request('/v1/accounts', 10));
    const silent = await open();
    await slow.closed;
    const headers = await open('POST /v1/accounts HTTP/1.1\r\nHo');
    await silent.closed;
    const newest = await open();
    await headers.closed;
    deepEqual([answered.socket.destroyed, upload.socket.destroyed, newest.socket.destroyed], [false, false, false]);
    await endAll([answered, upload, newest]);
  });

  test('whoever comes with a whole request is answered, however many say nothing', async () => {
    const silent: Client[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (let many = 0; many < 5; many += 1) silent.push(await open());
      const { socket, said } = await open(request('/now'));
      ok((await said).startsWith('HTTP/1.1 200'));
      socket.destroy();
    }
    await endAll(silent);
  });

  test('where all are being answered the newest has to go', async () => {
    const busy = [await open(request('/never')), await open(request('/never')), await open(request('/never'))];
    const newest = await open();
    await newest.closed;
    equal(busy.some(({ socket }) => socket.destroyed), false);
    await endAll(busy);
  });
});
