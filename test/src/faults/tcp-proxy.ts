import { once } from 'node:events';
import { createServer, request, type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Transform, type Duplex, type TransformCallback } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { RouteId } from '@godwit/wire';
import { passingOf, type Passing, type Place, type Rule, type Toxic } from './toxics.ts';

interface OneShot {
  readonly route: RouteId;
  readonly toxic: Toxic;
  readonly done: () => void;
}

/**
 * Stands between one host and its coordinator, store included, and does to what passes what a network can do. It signs and opens nothing: it
 * holds, loses, doubles, cuts and answers in the other's place.
 */
export class TcpProxy {
  /** What was let through or not, newest last. */
  readonly passed: Passing[] = [];
  /** So many requests did not simply pass. */
  spoilt = 0;
  readonly #target: URL;
  #server: Server;
  #port = 0;
  #rule: Rule = () => undefined;
  /** One-shot toxics, tried before the rule. */
  readonly #once: OneShot[] = [];
  /** Connections that are open now, with what passes on them. */
  readonly #open = new Map<Duplex, Place>();
  /** Requests that wait for ever, until the network is well again. */
  readonly #held = new Set<Duplex>();

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = this.#newServer();
  }

  static async before(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await proxy.#listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** From now on each request is judged by `rule`. */
  set rule(rule: Rule) {
    this.#rule = rule;
  }

  /** The next request of `route` gets `toxic`, and only that one; resolves when it has come. */
  next(route: RouteId, toxic: Toxic): Promise<void> {
    return new Promise((resolve) => this.#once.push({ route, toxic, done: resolve }));
  }

  /** Whatever is for `place` is lost from now on, requests that are under way included. */
  cut(place: Place | 'both', how: Extract<Toxic['kind'], 'reset' | 'silence' | 'swallowed-answer'> = 'reset'): void {
    const isCut = (candidate: Place): boolean => place === 'both' || place === candidate;
    this.#rule = (passing) => (isCut(passing.place) ? { kind: how } : undefined);
    for (const [socket, candidate] of this.#open) {
      if (!isCut(candidate)) continue;
      if (how === 'reset') socket.destroy();
      else socket.pause();
    }
  }

  /** Nobody listens here any more: a connection is refused, as by a machine whose program has ended. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#open.keys()) socket.destroy();
    await closed;
  }

  /** All is well again; whoever still waited for an answer learns that its connection is gone. */
  async heal(): Promise<void> {
    this.#rule = () => undefined;
    this.#once.length = 0;
    for (const socket of [...this.#held, ...[...this.#open.keys()].filter((open) => open.isPaused())]) socket.destroy();
    this.#held.clear();
    if (!this.#server.listening) {
      this.#server = this.#newServer();
      await this.#listen();
    }
  }

  async close(): Promise<void> {
    await this.heal();
    await this.refuse();
  }

  #newServer(): Server {
    const server = createServer((incoming, answer) => void this.#serve(incoming, answer).catch(() => answer.destroy()));
    // A proxy that has limits of its own would be a fault that nobody asked for.
    server.requestTimeout = 0;
    server.keepAliveTimeout = 0;
    server.on('upgrade', (incoming, socket, head) => this.#tunnel(incoming, socket, head));
    return server;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #judge(incoming: IncomingMessage): { passing: Passing; toxic: Toxic | undefined } {
    const passing = passingOf(incoming.method ?? '', incoming.url ?? '', incoming.headers);
    this.passed.push(passing);
    const index = this.#once.findIndex(({ route }) => route === passing.route);
    const [shot] = index < 0 ? [] : this.#once.splice(index, 1);
    const toxic = shot?.toxic ?? this.#rule(passing);
    shot?.done();
    if (toxic !== undefined) this.spoilt += 1;
    return { passing, toxic };
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { passing, toxic } = this.#judge(incoming);
    const { socket } = incoming;
    this.#open.set(socket, passing.place);
    answer.once('close', () => this.#open.delete(socket));
    if (toxic === undefined || toxic.kind === 'pass') await this.#pass(incoming, answer);
    else if (toxic.kind === 'reset') socket.destroy();
    else if (toxic.kind === 'silence') this.#hold(socket);
    else if (toxic.kind === 'answer') {
      incoming.resume();
      answer.writeHead(toxic.status, { 'content-length': Buffer.byteLength(toxic.body), ...toxic.headers }).end(toxic.body);
    } else if (toxic.kind === 'throttle') await this.#pass(incoming, answer, toxic.bytesPerSecond);
    else await this.#spoil(incoming, answer, toxic);
  }

  #hold(socket: Duplex): void {
    this.#held.add(socket);
  }

  #onward(incoming: IncomingMessage): ClientRequest {
    return request(new URL(incoming.url ?? '/', this.#target), { method: incoming.method, headers: incoming.headers, agent: false });
  }

  async #pass(incoming: IncomingMessage, answer: ServerResponse, bytesPerSecond?: number): Promise<void> {
    const onward = this.#onward(incoming);
    answer.once('close', () => onward.destroy());
    const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
    incoming.pipe(onward);
    const [response] = await answered;
    response.once('error', () => answer.destroy());
    answer.writeHead(response.statusCode ?? 502, response.headers);
    if (bytesPerSecond === undefined) response.pipe(answer);
    else response.pipe(trickle(bytesPerSecond)).pipe(answer);
  }

  /** With the whole of the request, and the whole of the answer, in hand. */
  async #spoil(incoming: IncomingMessage, answer: ServerResponse, toxic: Toxic): Promise<void> {
    const body = await buffer(incoming);
    if (toxic.kind === 'half-request') {
      const onward = this.#onward(incoming);
      onward.on('error', () => undefined); // It is reset here.
      onward.write(body.subarray(0, body.length >> 1), () => onward.destroy());
      await once(onward, 'close');
      incoming.socket.destroy();
      return;
    }
    if (toxic.kind === 'delay') await sleep(toxic.requestMs);
    if (toxic.kind === 'duplicate') await this.#ask(incoming, body);
    const { status, headers, bytes } = await this.#ask(incoming, body);
    if (toxic.kind === 'lost-answer') incoming.socket.destroy();
    else if (toxic.kind === 'swallowed-answer') this.#hold(incoming.socket);
    else if (toxic.kind === 'half-answer') {
      answer.writeHead(status, headers).flushHeaders();
      answer.write(bytes.subarray(0, bytes.length >> 1), () => incoming.socket.destroy());
    } else if (toxic.kind === 'short-answer') {
      const short = bytes.subarray(0, bytes.length >> 1);
      answer.writeHead(status, { ...headers, 'content-length': short.length }).end(short);
    } else {
      if (toxic.kind === 'delay') await sleep(toxic.answerMs);
      answer.writeHead(status, headers).end(bytes);
    }
  }

  async #ask(incoming: IncomingMessage, body: Buffer): Promise<{ status: number; headers: IncomingMessage['headers']; bytes: Buffer }> {
    const onward = this.#onward(incoming);
    const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
    onward.end(body);
    const [response] = await answered;
    return { status: response.statusCode ?? 502, headers: response.headers, bytes: await buffer(response) };
  }

  /** The event stream: bytes both ways, until one side ends or it is cut. */
  #tunnel(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { passing, toxic } = this.#judge(incoming);
    socket.on('error', () => socket.destroy());
    if (toxic !== undefined && toxic.kind !== 'pass' && toxic.kind !== 'delay' && toxic.kind !== 'throttle') {
      if (toxic.kind === 'reset') socket.destroy();
      else this.#hold(socket);
      return;
    }
    const onward: Socket = connect(Number(this.#target.port), this.#target.hostname);
    this.#open.set(socket, passing.place);
    const end = (): void => {
      this.#open.delete(socket);
      socket.destroy();
      onward.destroy();
    };
    onward.on('error', end).on('close', end);
    socket.on('close', end);
    onward.once('connect', () => {
      const lines = [`${incoming.method ?? 'GET'} ${incoming.url ?? '/'} HTTP/1.1`];
      for (let at = 0; at < incoming.rawHeaders.length; at += 2) lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`);
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      // What a cut has silenced is silent both ways.
      onward.on('data', (chunk: Buffer) => {
        if (!socket.isPaused()) socket.write(chunk);
      });
      socket.on('data', (chunk: Buffer) => onward.write(chunk));
    });
  }
}

const trickleMs = 50;

function trickle(bytesPerSecond: number): Transform {
  const stepBytes = Math.max(1, Math.round((bytesPerSecond * trickleMs) / 1000));
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const step = async (): Promise<void> => {
        for (let at = 0; at < chunk.length && !this.destroyed; at += stepBytes) {
          this.push(chunk.subarray(at, at + stepBytes));
          await sleep(trickleMs);
        }
      };
      step().then(() => done(), done);
    },
  });
}
