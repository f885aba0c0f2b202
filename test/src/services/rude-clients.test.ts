import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { addHost, createDesktop, enrol, type Person, type TestClient } from '@godwit/api/testing';
import { cryptoReady } from '@godwit/crypto';
import { bytesOf, routes } from '@godwit/wire';
import { BenchCoordinator } from '../bench/bench-coordinator.ts';

/** More than the coordinator has room for (apps/api/src/coordinator.ts). */
const manyConnections = 4_500;
/** Both ends of them are on this machine, each in a process of its own. */
const filesMin = manyConnections + 500;
const filesMax = Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
const skip = filesMax < filesMin ? `a process may open ${filesMax} files here, and this needs ${filesMin}` : false;

/** Clients that are slow, huge or too many, at a real coordinator process: the renewals of everybody else go on. */
describe('a rude client', { skip, timeout: 120_000 }, () => {
  let coordinator: BenchCoordinator;
  let rude: Person;
  let polite: TestClient;
  let desktopId: string;
  const sockets = new Set<Socket>();

  before(async () => {
    await cryptoReady();
    coordinator = await BenchCoordinator.start(undefined);
    const { logKey } = routes.healthz.answer.parse(await (await fetch(`${coordinator.url}${routes.healthz.path}`)).json());
    const front = { url: coordinator.url, audience: coordinator.audience, logKey: bytesOf(logKey) };
    rude = await enrol(front);
    ({ client: polite } = await enrol(front, 'laptop-b'));
    desktopId = await createDesktop(polite);
  });
  after(async () => {
    leave();
    await coordinator[Symbol.asyncDispose]();
  });

  function leave(): void {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  }

  /** Resolves when it is connected and `text` is on its way. It may be cut at any time, and does not care. */
  function say(text: string): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(coordinator.url).port), '127.0.0.1');
      sockets.add(socket);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        socket.on('error', () => undefined);
        socket.once('close', () => sockets.delete(socket));
        if (text === '') resolve(socket);
        else socket.write(text, () => resolve(socket));
      });
    });
  }

  /** A renewal on a connection of its own, as a host's that was out of reach: its answer, of which nothing is tried again. */
  function renew(): Promise<{ readonly status: number; readonly text: string }> {
    const body = JSON.stringify({ leases: [{ desktopId, epoch: 1 }] });
    const { method, path } = routes.renewLeases;
    return new Promise((resolve, reject) => {
      const sent = httpRequest(`${coordinator.url}${path}`, { method, agent: false, headers: { ...polite.headers(method, path, body), 'content-length': Buffer.byteLength(body) } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece)).once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  async function othersGoOn(): Promise<void> {
    for (let round = 0; round < 20; round += 1) {
      const { status, text } = await renew();
      equal(status, 200, text);
      match(text, /"state":"current"/);
    }
  }

  const post = (path: string, headers: string): string => `POST ${path} HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n`;

  test('with more connections than there is room for, which say nothing', async () => {
    for (let opened = 0; opened < manyConnections; opened += 100) await Promise.all(Array.from({ length: 100 }, () => say('')));
    await othersGoOn();
    leave();
    await othersGoOn();
  });

  test('with as many that send headers and bodies and never come to an end', async () => {
    const beginnings = ['GET /v1/hosts HTTP/1.1\r\nHo', post(routes.createAccount.path, 'Content-Length: 1000') + '{', post(routes.renewLeases.path, 'Content-Length: 1000') + '{', post(routes.createJoin.path, 'Transfer-Encoding: chunked') + '1\r\n{'];
    for (let opened = 0; opened < manyConnections; opened += 100) await Promise.all(Array.from({ length: 100 }, (_, at) => say(beginnings[at % beginnings.length]!)));
    await othersGoOn();
    leave();
  });

  test('with bodies that are huge, announced or not: they are refused at their limit', async () => {
    const answerTo = async (socket: Socket): Promise<string> => new Promise((resolve) => socket.once('data', (piece: Buffer) => resolve(piece.toString())));
    for (const path of [routes.createAccount.path, routes.renewLeases.path]) {
      const announced = await say(post(path, `Content-Length: ${2 ** 40}`));
      match(await answerTo(announced), /^HTTP\/1\.1 413 /);
      const chunked = await say(post(path, 'Transfer-Encoding: chunked'));
      const answer = answerTo(chunked);
      const [state, chunk] = [{ answered: false }, Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')])];
      void answer.then(() => (state.answered = true));
      // As fast as it is taken, until it is told to stop.
      while (!state.answered && !chunked.destroyed) await new Promise((resolve) => chunked.write(chunk, () => setImmediate(resolve)));
      match(await answer, /^HTTP\/1\.1 413 /);
      await othersGoOn();
    }
    leave();
  });

  test('with a stream of events that it never reads', async () => {
    const front = { url: coordinator.url, audience: coordinator.audience, logKey: rude.client.signPublic };
    const listener = await addHost(rude, front, 'laptop-c');
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const headers = Object.entries(listener.headers('GET', routes.events.path, '')).filter(([name]) => name !== 'content-type').map(([name, value]) => `${name}: ${value}`).join('\r\n');
    const deaf = await say(`GET ${routes.events.path} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${headers}\r\n\r\n`);
    const [first] = await new Promise<Buffer[]>((resolve) => deaf.once('data', (piece: Buffer) => resolve([piece])));
    match(first!.toString('latin1'), /^HTTP\/1\.1 101 /);
    deaf.pause();
    const own = await createDesktop(rude.client);
    for (let told = 0; told < 300; told += 1) await rude.client.ask('askDeparture', { params: { desktopId: own }, body: { epoch: 1 } });
    await othersGoOn();
    deepEqual((await rude.client.ask('listDesktops')).desktops.map((desktop) => desktop.desktopId), [own]);
    ok(!deaf.readableEnded);
  });
});
