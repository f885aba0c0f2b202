import { ByteReader, Fault } from '@godwit/base';
import type { ByteQueue } from './byte-queue.ts';
import { command, magic, nbdLimits } from './protocol.ts';

/** One request of the transmission phase, as it stood on the wire: nothing about it has been checked but its magic and its payload's length. */
export interface NbdRequest {
  readonly flags: number;
  readonly command: number;
  /** The client's own mark, sent back with the reply. */
  readonly cookie: bigint;
  readonly offset: bigint;
  readonly lengthBytes: number;
  /** The bytes of a WRITE; empty for all else, and for a WRITE whose payload was not kept. */
  readonly payload: Buffer;
}

const headerBytes = 28;
const noPayload = Buffer.alloc(0);

/** Takes requests from a queue. `keepPayloads`: false on a read-only export, where a WRITE is dropped as it arrives instead of gathered. */
export class RequestReader {
  readonly #queue: ByteQueue;
  readonly #keepPayloads: boolean;
  #header: Omit<NbdRequest, 'payload'> | undefined;
  #skipBytes = 0;

  constructor(queue: ByteQueue, keepPayloads: boolean) {
    this.#queue = queue;
    this.#keepPayloads = keepPayloads;
  }

  /** Undefined while incomplete. NBD_MESSAGE_BAD for a wrong magic; NBD_LIMIT_EXCEEDED for a WRITE over the limit, before its payload is waited for. */
  take(): NbdRequest | undefined {
    this.#header ??= this.#takeHeader();
    if (this.#header === undefined) return undefined;
    if (this.#skipBytes > 0) {
      this.#skipBytes -= this.#queue.skip(this.#skipBytes);
      if (this.#skipBytes > 0) return undefined;
    }
    const gathers = this.#header.command === command.write && this.#keepPayloads;
    const payload = gathers ? this.#queue.take(this.#header.lengthBytes) : noPayload;
    if (payload === undefined) return undefined;
    const request = { ...this.#header, payload };
    this.#header = undefined;
    return request;
  }

  #takeHeader(): Omit<NbdRequest, 'payload'> | undefined {
    const bytes = this.#queue.take(headerBytes);
    if (bytes === undefined) return undefined;
    const reader = new ByteReader(bytes);
    const found = reader.u32();
    if (found !== magic.request) throw new Fault('NBD_MESSAGE_BAD', { subject: 'request', expected: `the magic ${magic.request.toString(16)}`, found: found.toString(16) });
    const header = { flags: reader.u16(), command: reader.u16(), cookie: reader.u64(), offset: reader.u64(), lengthBytes: reader.u32() };
    if (header.command === command.write) {
      // The payload follows whatever we answer: one that is too long can only be refused by ending the connection.
      if (header.lengthBytes > nbdLimits.requestBytes) {
        throw new Fault('NBD_LIMIT_EXCEEDED', { subject: 'write', expected: `at most ${nbdLimits.requestBytes} bytes`, found: String(header.lengthBytes) });
      }
      this.#skipBytes = this.#keepPayloads ? 0 : header.lengthBytes;
    }
    return header;
  }
}
