import { WebSocket } from 'ws';
import type { Log, Random } from '@godwit/base';
import { closeCodes, eventLimitBytes, eventMessage, problem, routes, type EventMessage } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';

export type EventListener = (message: EventMessage) => void;

const firstPauseMs = 250;
const pauseMsMax = 8_000;
/** A host that was revoked: somebody may still let it in again, but not within seconds. */
const revokedPauseMs = 5 * 60_000;
const handshakeMs = 10_000;
/** The coordinator pings every 15 s; two that are missing are a dead stream. */
const silenceMs = 40_000;

export interface EventStreamParts {
  readonly coordinator: Pick<Coordinator, 'url' | 'signedHeaders'>;
  readonly random: Random;
  readonly log: Log;
  /** The coordinator says that this host was revoked. */
  readonly onRevoked?: () => void;
}

/**
 * `GET /v1/events`, kept open: news of the account's desktops and hosts. The stream has gaps, so whoever listens reads the state at each
 * `hello`, the first message after every connect. It is not believed about anything that matters more than "ask now" or "stop".
 */
export class EventStream {
  readonly #parts: EventStreamParts;
  readonly #listeners = new Set<EventListener>();
  #socket: WebSocket | undefined;
  #pauseMs = firstPauseMs;
  #retry: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #open = false;

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
  }

  /** Calls `listener` with every message from now on. Returns the way to stop it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Connects, and again whenever the connection ends. */
  begin(): void {
    if (this.#open) return;
    this.#open = true;
    this.#connect();
  }

  end(): void {
    this.#open = false;
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** The machine slept: what is open is most likely dead, and its silence would take 40 s to show. */
  renew(): void {
    if (!this.#open) return;
    clearTimeout(this.#retry);
    this.#drop();
    this.#pauseMs = firstPauseMs;
    this.#connect();
  }

  #connect(): void {
    const { coordinator, log } = this.#parts;
    const { path, method } = routes.events;
    const url = new URL(path, coordinator.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, { headers: coordinator.signedHeaders(method, path), maxPayload: eventLimitBytes, perMessageDeflate: false, handshakeTimeout: handshakeMs, followRedirects: false });
    this.#socket = socket;
    let refusal: string | undefined;
    const alive = (): void => this.#awaitNext(socket);
    socket.on('open', alive);
    socket.on('ping', alive);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      alive();
      if (socket === this.#socket) this.#hear(isBinary ? undefined : data.toString('utf8'));
    });
    socket.on('error', (error) => log.info('event-stream-failed', { error: error.message })); // `close` follows, and connects again.
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text.length < eventLimitBytes ? (text += piece) : response.destroy()));
      response.once('close', () => {
        refusal = codeOf(text);
        socket.terminate();
      });
    });
    socket.once('close', (code) => {
      if (socket === this.#socket) this.#connectLater(code === closeCodes.revoked || refusal === 'HOST_REVOKED', { code, refusal });
    });
  }

  #hear(text: string | undefined): void {
    const message = parseEvent(text);
    if (message === undefined) {
      // A newer coordinator may tell of things that this agent does not know; what it must not miss it asks for anyway.
      this.#parts.log.warn('event-not-understood', { lengthBytes: text?.length ?? null });
      return;
    }
    if (message.type === 'hello') {
      this.#pauseMs = firstPauseMs;
      this.#parts.log.info('event-stream-open', {});
    }
    for (const listener of [...this.#listeners]) {
      try {
        listener(message);
      } catch (error) {
        this.#parts.log.error('event-listener-failed', { type: message.type, error });
      }
    }
  }

  #awaitNext(socket: WebSocket): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#parts.log.info('event-stream-silent', { silenceMs });
      socket.terminate();
    }, silenceMs).unref();
  }

  #connectLater(revoked: boolean, found: { code: number; refusal: string | undefined }): void {
    clearTimeout(this.#patience);
    this.#socket = undefined;
    if (!this.#open) return;
    if (revoked) {
      this.#parts.log.warn('event-stream-revoked', found);
      this.#parts.onRevoked?.();
    }
    const delayMs = revoked ? revokedPauseMs : jittered(this.#pauseMs, this.#parts.random);
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax);
    this.#retry = setTimeout(() => this.#connect(), delayMs).unref();
  }

  #drop(): void {
    clearTimeout(this.#patience);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }
}

/** Half to one and a half times `pauseMs`: hosts that lost the same coordinator do not all come back at once. */
export function jittered(pauseMs: number, random: Random): number {
  return Math.round(pauseMs * (0.5 + random(2).readUInt16BE() / 0x1_0000));
}

/** Undefined for what is no message of the stream. */
export function parseEvent(text: string | undefined): EventMessage | undefined {
  if (text === undefined) return undefined;
  try {
    return eventMessage.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON: that is the answer.
  }
}

function codeOf(text: string): string | undefined {
  try {
    return problem.safeParse(JSON.parse(text)).data?.code;
  } catch {
    return undefined; // A refusal by something that is no coordinator.
  }
}
