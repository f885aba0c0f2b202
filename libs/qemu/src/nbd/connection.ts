import type { Socket } from 'node:net';
import { Fault, type Log } from '@godwit/base';
import type { NbdExport } from './export.ts';
import { perform } from './perform.ts';
import { command, nbdLimits } from './protocol.ts';
import type { NbdRequest } from './requests.ts';
import { NbdSession, type SessionStep } from './session.ts';

/** What all connections of a server have in flight together. */
export interface SharedLoad {
  bytes: number;
  /** Called when `by` has made it less: those that wait for room may go on. */
  eased(by: NbdConnection): void;
}

export interface NbdConnectionOptions {
  readonly socket: Socket;
  readonly exports: readonly NbdExport[];
  readonly log: Log;
  readonly load: SharedLoad;
  readonly handshakeMs: number;
}

/**
 * One client: reads while it has room, serves requests side by side, answers each as it is ready. A request counts as in flight
 * until its reply has left for the kernel, so a client that does not read its replies stops being read from.
 */
export class NbdConnection {
  readonly #socket: Socket;
  readonly #log: Log;
  readonly #load: SharedLoad;
  readonly #session: NbdSession;
  readonly #deadline: NodeJS.Timeout;
  #inFlight = 0;
  #unsent = 0;
  #ending = false;

  constructor({ socket, exports, log, load, handshakeMs }: NbdConnectionOptions) {
    this.#socket = socket;
    this.#log = log;
    this.#load = load;
    this.#session = new NbdSession(exports);
    this.#deadline = setTimeout(() => {
      this.#log.warn('nbd-handshake-too-slow', { handshakeMs });
      this.cut();
    }, handshakeMs);
    socket.on('data', (bytes) => {
      this.#session.push(bytes);
      this.pump();
    });
    // A client that is gone is nothing to act on; 'close' follows.
    socket.on('error', (error) => this.#log.debug('nbd-connection-lost', { error }));
    socket.on('close', () => {
      this.#ending = true;
      clearTimeout(this.#deadline);
    });
    this.#send([this.#session.greeting()]);
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  /** Takes every step there is room for, then goes on reading, or stops until something in flight is done. */
  pump(): void {
    try {
      while (!this.#ending && this.#hasRoom()) {
        const step = this.#session.next();
        if (step === undefined) break;
        this.#take(step);
      }
    } catch (error) {
      this.#log.warn('nbd-client-refused', { phase: this.#session.phase, error: Fault.from(error) });
      this.cut();
    }
    if (this.#ending) return;
    if (this.#hasRoom()) this.#socket.resume();
    else this.#socket.pause();
  }

  #hasRoom(): boolean {
    return this.#inFlight < nbdLimits.requestsInFlight && this.#unsent < nbdLimits.requestsInFlight && this.#load.bytes < nbdLimits.inFlightBytes;
  }

  #take(step: SessionStep): void {
    switch (step.kind) {
      case 'send':
        if (this.#session.phase === 'transmission') clearTimeout(this.#deadline);
        this.#send(step.pieces);
        break;
      case 'serve':
        void perform(step.request, step.chosen, this.#log).then((pieces) => this.#reply(step.request, pieces));
        this.#count(1, loadOf(step.request));
        break;
      case 'end':
        this.#ending = true;
        this.#send(step.pieces);
        this.#finish();
        break;
    }
  }

  #reply(request: NbdRequest, pieces: readonly Buffer[]): void {
    this.#send(pieces, () => {
      this.#count(-1, -loadOf(request));
      if (this.#ending) this.#finish();
      this.#load.eased(this);
    });
  }

  /** `sent` is called in any case: also when the client is gone and nothing can be sent. */
  #send(pieces: readonly Buffer[], sent?: () => void): void {
    this.#unsent += 1;
    const done = (): void => {
      this.#unsent -= 1;
      if (sent === undefined) this.pump();
      else sent();
    };
    if (this.#socket.destroyed || pieces.length === 0) {
      done();
      return;
    }
    this.#socket.cork();
    pieces.forEach((piece, index) => this.#socket.write(piece, index === pieces.length - 1 ? done : undefined));
    this.#socket.uncork();
  }

  #count(requests: number, bytes: number): void {
    this.#inFlight += requests;
    this.#load.bytes += bytes;
  }

  /** After DISC: what is in flight is still answered, then the connection closes. */
  #finish(): void {
    if (this.#inFlight === 0 && !this.#socket.destroyed) this.#socket.end(() => this.#socket.destroy());
  }
}

/** Memory that a request holds until its reply has left, in bytes. */
function loadOf(request: NbdRequest): number {
  return request.command === command.read ? Math.min(request.lengthBytes, nbdLimits.requestBytes) : request.payload.length;
}
