import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocketServer, type WebSocket } from 'ws';
import { Fault, jsonLog, systemRandom, type FaultCode } from '@godwit/base';
import { closeCodes, eventLimitBytes, problemOf, type EventMessage } from '@godwit/wire';
import { EventStream, jittered, parseEvent } from './event-stream.ts';

const hello: EventMessage = { type: 'hello', accountId: 'a'.repeat(32) as never, hostId: 'b'.repeat(32) as never, timeMs: 1 };
const changed: EventMessage = { type: 'desktop-changed', desktopId: 'c'.repeat(32) as never, name: 'work', owner: null, epoch: 3, head: null };

describe('the event stream of a host', { timeout: 30_000 }, () => {
  let server: Server;
  let sockets: WebSocketServer;
  let stream: EventStream;
  let clients: WebSocket[] = [];
  let upgrades: IncomingMessage[] = [];
  let messages: EventMessage[] = [];
  let lines: string[] = [];
  let refuse: FaultCode | undefined;
  let revocations = 0;

  before(async () => {
    server = createServer();
    sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      upgrades.push(request);
      if (refuse !== undefined) {
        const body = JSON.stringify(problemOf(new Fault(refuse)));
        socket.end(`HTTP/1.1 403 ${refuse}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        clients.push(client);
        client.send(JSON.stringify(hello));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    sockets.close();
    server.close();
    server.closeAllConnections();
  });
  beforeEach((context) => {
    [clients, upgrades, messages, lines, refuse, revocations] = [[], [], [], [], undefined, 0];
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stream = new EventStream({ coordinator: { url, signedHeaders: (method, path) => ({ 'x-signed': `${method} ${path}` }) }, random: systemRandom, log: jsonLog((line) => lines.push(line)), onRevoked: () => (revocations += 1) });
    stream.subscribe((message) => messages.push(message));
    if ('after' in context) context.after(() => stream.end());
  });

  const until = async (what: () => boolean): Promise<void> => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const logged = (event: string): number => lines.filter((line) => line.includes(`"${event}"`)).length;

  test('is asked for with signed headers, and hands on what is understood, to everybody who listens', async () => {
    const others: string[] = [];
    stream.subscribe(() => {
      throw new Error('a listener that fails');
    });
    const stop = stream.subscribe(({ type }) => others.push(type));
    stream.begin();
    stream.begin();
    await until(() => messages.length === 1);
    equal(upgrades[0]?.headers['x-signed'], 'GET /v1/events');
    for (const said of ['{}', 'no JSON', JSON.stringify({ type: 'weather' }), Buffer.from(JSON.stringify(changed)), JSON.stringify(changed)]) clients[0]!.send(said);
    await until(() => messages.length === 2);
    deepEqual(messages, [hello, changed]);
    stop();
    clients[0]!.send(JSON.stringify(changed));
    await until(() => messages.length === 3);
    deepEqual(others, ['hello', 'desktop-changed']);
    equal(logged('event-not-understood'), 4);
    equal(upgrades.length, 1, 'one stream');
  });

  test('connects again when it breaks, is closed, or says too much at once', async () => {
    stream.begin();
    await until(() => clients.length === 1);
    clients[0]!.terminate();
    await until(() => clients.length === 2);
    clients[1]!.close(closeCodes.tooSlow);
    await until(() => clients.length === 3);
    clients[2]!.send('x'.repeat(eventLimitBytes + 1));
    await until(() => clients.length === 4);
    ok(messages.every(({ type }) => type === 'hello'));
  });

  test('connects anew after a sleep, whatever the old connection seems to be', async () => {
    stream.begin();
    await until(() => messages.length === 1);
    stream.renew();
    await until(() => messages.length === 2);
    equal(clients.length, 2);
    await new Promise((resolve) => setTimeout(resolve, 600));
    equal(clients.length, 2, 'the end of the old one is no reason for a third');
  });

  test('does not come back fast to a coordinator that says the host was revoked, at the door or inside', async () => {
    stream.begin();
    await until(() => clients.length === 1);
    clients[0]!.close(closeCodes.revoked);
    await until(() => logged('event-stream-revoked') === 1);
    await new Promise((resolve) => setTimeout(resolve, 800));
    equal(upgrades.length, 1);
    refuse = 'HOST_REVOKED';
    stream.renew();
    await until(() => logged('event-stream-revoked') === 2);
    await new Promise((resolve) => setTimeout(resolve, 800));
    equal(upgrades.length, 2);
    equal(revocations, 2);
  });

  test('comes back to one that refuses for another reason', async () => {
    refuse = 'RATE_LIMITED';
    stream.begin();
    await until(() => upgrades.length === 3);
    refuse = undefined;
    await until(() => messages.length === 1);
    equal(logged('event-stream-revoked'), 0);
  });

  test('once ended stays ended', async () => {
    stream.begin();
    await until(() => messages.length === 1);
    stream.end();
    stream.renew();
    await new Promise((resolve) => setTimeout(resolve, 600));
    equal(upgrades.length, 1);
  });
});

test('a stream without pings is given up after 40 s', { timeout: 20_000 }, async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const [connected, closed] = [Promise.withResolvers<WebSocket>(), Promise.withResolvers<undefined>()];
  server.on('connection', (client) => {
    client.on('close', () => closed.resolve(undefined));
    client.send(JSON.stringify(hello));
    connected.resolve(client);
  });
  const heard: string[] = [];
  const stream = new EventStream({ coordinator: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, signedHeaders: () => ({}) }, random: systemRandom, log: jsonLog(() => undefined) });
  stream.subscribe(({ type }) => heard.push(type));
  stream.begin();
  const client = await connected.promise;
  while (heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const ponged = new Promise((resolve) => client.once('pong', resolve));
  context.mock.timers.tick(39_000);
  client.ping();
  await ponged;
  context.mock.timers.tick(39_000);
  await new Promise((resolve) => setImmediate(resolve));
  equal(client.readyState, client.OPEN, 'a ping is a sign of life');
  context.mock.timers.tick(1_100);
  await closed.promise;
  stream.end();
  server.close();
});

test('what is no message of the stream is none', () => {
  equal(parseEvent(undefined), undefined);
  for (const text of ['', '[]', '{"type":"hello"}', JSON.stringify({ ...changed, epoch: 0 })]) equal(parseEvent(text), undefined, text);
  deepEqual(parseEvent(JSON.stringify(changed)), changed);
});

test('hosts come back at different times, between half and one and a half of the pause', () => {
  deepEqual([0, 0x8000, 0xffff].map((word) => jittered(1_000, () => Buffer.from([word >> 8, word & 255]))), [500, 1_000, 1_500]);
});
