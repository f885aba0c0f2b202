import { equal, ok } from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLog, systemClock, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';
import type { Signatures } from '../http/signatures.ts';
import { Drain } from '../http/drain.ts';
import { attachStreams } from '../http/streams.ts';
import { Bus } from '../replicas/bus.ts';
import { EventsHub } from './hub.ts';
import { EventStream } from './upgrade.ts';

test('a client that does not read is cut while others go on, and what waits for it is bounded', { timeout: 20_000 }, async () => {
  const accountId = 'aa'.repeat(16) as AccountId;
  const caller = { accountId, hostId: 'bb'.repeat(16) as HostId, name: 'a', signPublic: Buffer.alloc(32) };
  const signatures = { callerOf: () => Promise.resolve(caller) } as unknown as Signatures;
  const hub = new EventsHub(new Bus('alone'));
  const server = createServer();
  const stream = new EventStream({ signatures, hub, clock: systemClock });
  attachStreams(server, [stream], new Drain(), silentLog);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/events`;
  const [slow, quick] = [new WebSocket(url), new WebSocket(url)];
  let received = 0;
  quick.on('message', () => (received += 1));
  await Promise.all([slow, quick].map((socket) => new Promise((resolve) => socket.once('message', resolve))));
  slow.pause();
  const message: EventMessage = { type: 'desktop-changed', desktopId: 'cc'.repeat(16) as DesktopId, name: 'x'.repeat(63), owner: { hostId: caller.hostId, name: 'n'.repeat(64) }, epoch: 1, head: null };
  let sent = 0;
  // The kernel's buffers take some megabytes before anything waits here.
  for (; hub.listeners(accountId) === 2 && sent < 100_000; sent += 1) {
    hub.publish(accountId, message);
    if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  equal(hub.listeners(accountId), 1, 'the slow one is cut');
  // eslint-disable-next-line no-unmodified-loop-condition -- the listener above counts
  while (received < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  ok(received >= sent, 'the quick one got everything');
  stream.close();
  for (const socket of [slow, quick]) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

test('an account has so many streams and no more, and keeps no other account out', { timeout: 20_000 }, async () => {
  const hostOf = (digit: string) => ({ accountId: digit.repeat(32) as AccountId, hostId: digit.repeat(32) as HostId, name: digit, signPublic: Buffer.alloc(32) });
  const signatures = { callerOf: ({ headers }: { headers: Record<string, string> }) => Promise.resolve(hostOf(headers['x-host']!)) } as unknown as Signatures;
  const hub = new EventsHub(new Bus('alone'));
  const server = createServer();
  const stream = new EventStream({ signatures, hub, clock: systemClock });
  attachStreams(server, [stream], new Drain(), silentLog);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { accountId } = hostOf('a');
  for (let each = 0; each < 1_024; each += 1) hub.subscribe({ accountId, hostId: each.toString(16).padStart(32, '0') as HostId }, () => undefined, () => undefined);
  const open = (host: string): Promise<string> => new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/events`, { headers: { 'x-host': host } });
    socket.once('message', () => { socket.terminate(); resolve('open'); });
    socket.once('error', (error) => resolve(error.message));
  });
  equal(await open('a'), 'Unexpected server response: 429');
  equal(await open('b'), 'open');
  stream.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
