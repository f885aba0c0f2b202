import { Fault, printable } from '@godwit/base';

/** The longest line read. `query-qmp-schema`, QEMU's longest answer, has about 200 KB. */
export const maxLineBytes = 8 * 1024 * 1024;

export type QmpArguments = Readonly<Record<string, unknown>>;

export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: unknown }
  | { readonly kind: 'result'; readonly id: unknown; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: unknown; readonly errorClass: string; readonly description: string }
  | { readonly kind: 'event'; readonly name: string; readonly data: QmpArguments; readonly qemuTimeMs: number };

/** One command as a line. `id` comes back with the answer. */
export function encodeCommand(id: number, command: string, args?: QmpArguments): Buffer {
  return Buffer.from(`${JSON.stringify(args === undefined ? { execute: command, id } : { execute: command, arguments: args, id })}\n`);
}

/** Splits QMP's stream into lines and reads them, in pieces of any size, without I/O. Throws QMP_PROTOCOL, and from then on always. */
export class QmpDecoder {
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #failure: Fault | undefined;

  /** `chunk` is kept when its last line is not whole, so it must not be reused. */
  push(chunk: Buffer): QmpMessage[] {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#read(chunk);
    } catch (error) {
      this.#failure = Fault.from(error);
      throw this.#failure;
    }
  }

  #read(chunk: Buffer): QmpMessage[] {
    const messages: QmpMessage[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#hold(chunk.subarray(start, end));
      const line = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#heldBytes = 0;
      start = end + 1;
      const text = line.toString('utf8').trim();
      if (text !== '') messages.push(parseMessage(text));
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return messages;
  }

  #hold(piece: Buffer): void {
    this.#heldBytes += piece.length;
    if (this.#heldBytes > maxLineBytes) throw protocol(`a line of at most ${maxLineBytes} bytes`, 'a longer one');
    this.#pieces.push(piece);
    // Many tiny pieces would cost more than they hold.
    if (this.#pieces.length >= 1024) this.#pieces = [Buffer.concat(this.#pieces)];
  }
}

/** `text`: one JSON object. Throws QMP_PROTOCOL. */
export function parseMessage(text: string): QmpMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw protocol('JSON', excerpt(text));
  }
  if (!isObject(value)) throw protocol('a JSON object', excerpt(text));
  if (Object.hasOwn(value, 'QMP')) return { kind: 'greeting', version: isObject(value.QMP) ? value.QMP.version : undefined };
  if (Object.hasOwn(value, 'return')) return { kind: 'result', id: value.id, value: value.return };
  if (isObject(value.error)) return { kind: 'error', id: value.id, errorClass: textOf(value.error.class), description: textOf(value.error.desc) };
  if (typeof value.event === 'string') return { kind: 'event', name: value.event, data: isObject(value.data) ? value.data : {}, qemuTimeMs: eventTime(value.timestamp) };
  throw protocol('a greeting, an answer or an event', excerpt(text));
}

/** QEMU's wall clock: seconds and microseconds since 1970, both -1 when the host could not tell. */
function eventTime(timestamp: unknown): number {
  if (!isObject(timestamp) || typeof timestamp.seconds !== 'number' || typeof timestamp.microseconds !== 'number') throw protocol('an event with its time', 'none');
  return timestamp.seconds * 1000 + timestamp.microseconds / 1000;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function excerpt(text: string): string {
  return printable(text.slice(0, 80));
}

function protocol(expected: string, found: string): Fault {
  return new Fault('QMP_PROTOCOL', { expected, found });
}
