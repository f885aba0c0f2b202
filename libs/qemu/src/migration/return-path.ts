import { Fault, printable } from '@godwit/base';
import { maxBlockBytes, pageBytes } from './format.ts';

/** Message types of the return path (`migration/migration.h`, enum mig_rp_message_type). */
const messageType = { shut: 1, pong: 2, requestPagesOfBlock: 3, requestPages: 4 } as const;
const headerBytes = 4;
const rangeBytes = 12;
/** The longest message understood: a range, a counted name of 255 bytes. */
const maxMessageBytes = rangeBytes + 1 + 255;

export interface PageRequest {
  readonly block: string;
  /** A multiple of 4096, below 1 TiB. */
  readonly startBytes: number;
  /** A multiple of 4096, above 0. QEMU asks for one host page at a time. */
  readonly lengthBytes: number;
}

export interface ReturnPathSink {
  /** QEMU has finished loading: 0 is success, anything else a failure, which QEMU explains in its log. */
  onShut(status: number): void;
  onPong(value: number): void;
  onRequest(request: PageRequest): void;
}

/**
 * Decodes what an incoming QEMU sends back, in pieces of any size, without I/O: u16 type, u16 length, data. Messages that only
 * belong to recovery, COLO or switch-over handshakes are refused, because nothing we send asks for them. After a fault it stays faulty.
 */
export class ReturnPathDecoder {
  readonly #sink: ReturnPathSink;
  readonly #carry = Buffer.alloc(headerBytes + maxMessageBytes);
  #carriedBytes = 0;
  #block: string | undefined;
  #failure: { error: unknown } | undefined;

  constructor(sink: ReturnPathSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      this.#read(chunk);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** The stream has ended: MIGRATION_TRUNCATED when inside a message. */
  end(): void {
    if (this.#carriedBytes > 0) throw new Fault('MIGRATION_TRUNCATED', { subject: 'return path', expected: 'a whole message', found: `${this.#carriedBytes} bytes of one` });
  }

  #read(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      const taken = Math.min(this.#missingBytes(), chunk.length - offset);
      this.#carry.set(chunk.subarray(offset, offset + taken), this.#carriedBytes);
      this.#carriedBytes += taken;
      offset += taken;
      if (this.#missingBytes() === 0) this.#take();
    }
  }

  /** Bytes until the header, then until the message is whole. */
  #missingBytes(): number {
    if (this.#carriedBytes < headerBytes) return headerBytes - this.#carriedBytes;
    const lengthBytes = this.#carry.readUInt16BE(2);
    if (lengthBytes > maxMessageBytes) throw new Fault('MIGRATION_OVERSIZED', { subject: 'return path', expected: `at most ${maxMessageBytes} bytes`, found: `${lengthBytes}` });
    return headerBytes + lengthBytes - this.#carriedBytes;
  }

  #take(): void {
    const type = this.#carry.readUInt16BE(0);
    const data = this.#carry.subarray(headerBytes, this.#carriedBytes);
    this.#carriedBytes = 0;
    switch (type) {
      case messageType.shut: return this.#sink.onShut(number(data));
      case messageType.pong: return this.#sink.onPong(number(data));
      case messageType.requestPagesOfBlock: return this.#requestOfBlock(data);
      case messageType.requestPages: return this.#request(data, rangeBytes);
      default: throw new Fault('MIGRATION_UNSUPPORTED', { subject: 'return path', expected: 'shut, pong or a request for pages', found: `message ${type}` });
    }
  }

  #requestOfBlock(data: Buffer): void {
    const nameBytes = data[rangeBytes];
    if (nameBytes === undefined || nameBytes === 0) throw corrupt('a block name', `${data.length} bytes without one`);
    this.#block = data.toString('latin1', rangeBytes + 1);
    this.#request(data, rangeBytes + 1 + nameBytes);
  }

  #request(data: Buffer, wholeBytes: number): void {
    if (data.length !== wholeBytes) throw corrupt(`${wholeBytes} bytes`, `${data.length}`);
    if (this.#block === undefined) throw corrupt('a block name in the first request', 'none');
    const startBytes = data.readUInt32BE(0) * 2 ** 32 + data.readUInt32BE(4);
    const lengthBytes = data.readUInt32BE(8);
    const whole = startBytes % pageBytes === 0 && lengthBytes % pageBytes === 0;
    if (!whole || lengthBytes === 0 || startBytes + lengthBytes > maxBlockBytes) {
      throw corrupt(`whole pages of ${printable(this.#block)}`, `${lengthBytes} bytes at ${startBytes}`);
    }
    this.#sink.onRequest({ block: this.#block, startBytes, lengthBytes });
  }
}

function number(data: Buffer): number {
  if (data.length !== 4) throw corrupt('4 bytes', `${data.length}`);
  return data.readUInt32BE(0);
}

function corrupt(expected: string, found: string): Fault {
  return new Fault('MIGRATION_CORRUPT', { subject: 'return path', expected, found });
}
