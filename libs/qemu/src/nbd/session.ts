import { Fault } from '@godwit/base';
import { ByteQueue } from './byte-queue.ts';
import type { ChosenExport, NbdExport } from './export.ts';
import { encodeGreeting, takeClientFlags, takeOption } from './handshake.ts';
import { answerOption, type Negotiation } from './options.ts';
import { command, nbdLimits } from './protocol.ts';
import { RequestReader, type NbdRequest } from './requests.ts';

/** What the owner of the connection has to do next. After `end`: send the pieces, finish what is in flight, close. */
export type SessionStep =
  | { readonly kind: 'send'; readonly pieces: readonly Buffer[] }
  | { readonly kind: 'serve'; readonly request: NbdRequest; readonly chosen: ChosenExport }
  | { readonly kind: 'end'; readonly pieces: readonly Buffer[] };

/**
 * ```
 * phase          understands      leads to
 * clientFlags    4 bytes          options
 * options        one option       options, transmission (GO, EXPORT_NAME), ended (ABORT)
 * transmission   one request      transmission, ended (DISC)
 * ended          nothing
 * ```
 * A fault in any phase ends the session: after it the bytes have no meaning any more.
 */
type Phase =
  | { readonly name: 'clientFlags' }
  | { readonly name: 'options'; readonly agreed: Negotiation }
  | { readonly name: 'transmission'; readonly chosen: ChosenExport; readonly requests: RequestReader }
  | { readonly name: 'ended' };

/** The server's side of one connection, without the connection: bytes in, steps out, no I/O and no clock. */
export class NbdSession {
  readonly #exports: readonly NbdExport[];
  readonly #queue = new ByteQueue();
  #phase: Phase = { name: 'clientFlags' };
  #optionsSeen = 0;

  constructor(exports: readonly NbdExport[]) {
    this.#exports = exports;
  }

  get phase(): Phase['name'] {
    return this.#phase.name;
  }

  /** What the server says first. */
  greeting(): Buffer {
    return encodeGreeting();
  }

  /** Takes bytes that arrived, a copy of them. The caller stops reading while there are steps it can't take. */
  push(bytes: Uint8Array): void {
    if (this.#phase.name !== 'ended') this.#queue.push(bytes);
  }

  /** The next step, or undefined until more bytes arrive. Throws NBD_MESSAGE_BAD or NBD_LIMIT_EXCEEDED, once; then it has ended. */
  next(): SessionStep | undefined {
    try {
      return this.#step();
    } catch (error) {
      this.#phase = { name: 'ended' };
      throw error;
    }
  }

  #step(): SessionStep | undefined {
    const phase = this.#phase;
    switch (phase.name) {
      case 'clientFlags': {
        const client = takeClientFlags(this.#queue);
        if (client === undefined) return undefined;
        this.#phase = { name: 'options', agreed: { exports: this.#exports, client, structured: false, allocationFor: undefined } };
        return this.#step();
      }
      case 'options':
        return this.#stepOption(phase.agreed);
      case 'transmission': {
        const request = phase.requests.take();
        if (request === undefined) return undefined;
        if (request.command !== command.disconnect) return { kind: 'serve', request, chosen: phase.chosen };
        this.#phase = { name: 'ended' };
        return { kind: 'end', pieces: [] };
      }
      case 'ended':
        return undefined;
    }
  }

  #stepOption(agreed: Negotiation): SessionStep | undefined {
    const option = takeOption(this.#queue);
    if (option === undefined) return undefined;
    this.#optionsSeen += 1;
    if (this.#optionsSeen > nbdLimits.options) {
      throw new Fault('NBD_LIMIT_EXCEEDED', { subject: 'handshake', expected: `at most ${nbdLimits.options} options`, found: 'more' });
    }
    const outcome = answerOption(agreed, option);
    switch (outcome.next) {
      case 'options':
        this.#phase = { name: 'options', agreed: { ...agreed, ...outcome.agreed } };
        return { kind: 'send', pieces: outcome.pieces };
      case 'transmission':
        this.#phase = { name: 'transmission', chosen: outcome.chosen, requests: new RequestReader(this.#queue, !outcome.chosen.export.readOnly) };
        return { kind: 'send', pieces: outcome.pieces };
      case 'ended':
        this.#phase = { name: 'ended' };
        return { kind: 'end', pieces: outcome.pieces };
    }
  }
}
