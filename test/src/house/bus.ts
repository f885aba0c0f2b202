import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

/** A message bus of its own with one service on it, which is this process: docs of D-Bus, "Message Protocol". */

/** Why there can be none here; undefined: there can. */
export function missingForBus(programs: readonly string[]): string | undefined {
  const missing = ['dbus-daemon', ...programs].filter((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined);
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

const messageTypes = { call: 1, answer: 2, error: 3, signal: 4 } as const;
const fieldCodes = { path: [1, 'o'], interface: [2, 's'], member: [3, 's'], errorName: [4, 's'], destination: [6, 's'], sender: [7, 's'], signature: [8, 'g'] } as const;
type Fields = Partial<Record<keyof typeof fieldCodes, string>>;

/** What somebody asks the service. */
export interface BusCall {
  readonly member: string;
  readonly body: BodyReader;
}
/** Undefined: no answer, ever, as of a service that hangs. A string: the name of an error. */
export type BusAnswer = { readonly signature: string; readonly body: readonly Buffer[] } | string | undefined;

export class Bus {
  readonly address: string;
  readonly #directory: string;
  readonly #daemon: ChildProcess;
  readonly #socket: Socket;
  #serial = 1;

  private constructor(address: string, directory: string, daemon: ChildProcess, socket: Socket) {
    this.address = address;
    this.#directory = directory;
    this.#daemon = daemon;
    this.#socket = socket;
  }

  /** `name`: what the service is called, such as org.freedesktop.login1. */
  static async start(name: string, answer: (call: BusCall) => BusAnswer): Promise<Bus> {
    const directory = mkdtempSync('/tmp/godwit-bus-');
    // Another user may have to reach it.
    chmodSync(directory, 0o755);
    const path = join(directory, 'bus');
    const config = join(directory, 'bus.conf');
    // As dbus-daemon's own session.conf: everybody may say and hear everything.
    writeFileSync(config, `<busconfig><listen>unix:path=${path}</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`);
    const daemon = spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--nopidfile', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(daemon.stdout, 'data');
    const socket = connect(path);
    await once(socket, 'connect');
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    await once(socket, 'data');
    socket.write('BEGIN\r\n');
    const bus = new Bus(`unix:path=${path}`, directory, daemon, socket);
    const toBus = { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', destination: 'org.freedesktop.DBus' };
    await bus.#ask({ ...toBus, member: 'Hello' });
    await bus.#ask({ ...toBus, member: 'RequestName', signature: 'su' }, [text(name), word(0)]);
    bus.#serve(answer);
    return bus;
  }

  signal(fields: Fields, body: readonly Buffer[]): void {
    this.#send('signal', fields, body);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    const ended = once(this.#daemon, 'exit');
    this.#daemon.kill();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #serve(answer: (call: BusCall) => BusAnswer): void {
    let rest: Buffer = Buffer.alloc(0);
    this.#socket.on('data', (piece: Buffer) => {
      rest = Buffer.concat([rest, piece]);
      for (let message = cut(rest); message !== undefined; message = cut(rest)) {
        rest = rest.subarray(message.lengthBytes);
        if (message.type !== messageTypes.call) continue;
        const said = answer({ member: message.fields.member ?? '', body: new BodyReader(message.body) });
        if (said === undefined) continue;
        const to = { destination: message.fields.sender ?? '' };
        if (typeof said === 'string') this.#send('error', { ...to, errorName: said }, [], message.serial);
        else this.#send('answer', { ...to, signature: said.signature }, said.body, message.serial);
      }
    });
  }

  async #ask(fields: Fields, body: readonly Buffer[] = []): Promise<void> {
    this.#send('call', fields, body);
    await once(this.#socket, 'data');
  }

  #send(type: keyof typeof messageTypes, fields: Fields, parts: readonly Buffer[], answers?: number): void {
    const body = joined(parts);
    const named = Object.entries(fields).map(([name, value]) => field(name as keyof typeof fieldCodes, value));
    const entries = joined(answers === undefined ? named : [...named, Buffer.concat([Buffer.from([5, 1, 'u'.charCodeAt(0), 0]), word(answers)])], 8);
    const head = Buffer.concat([Buffer.from([0x6c, messageTypes[type], type === 'call' ? 0 : 1, 1]), word(body.length), word(this.#serial), word(entries.length), entries]);
    this.#serial += 1;
    this.#socket.write(Buffer.concat([padded(head, 8), body]));
  }
}

/** Reads the values of a little-endian body one after the other. */
export class BodyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  word(): number {
    this.#at = aligned(this.#at, 4);
    this.#at += 4;
    return this.#bytes.readUInt32LE(this.#at - 4);
  }

  text(): string {
    const lengthBytes = this.word();
    this.#at += lengthBytes + 1;
    return this.#bytes.toString('utf8', this.#at - lengthBytes - 1, this.#at - 1);
  }

  /** The bytes of an array whose elements begin at multiples of `to`. */
  array(to: number): Buffer {
    const lengthBytes = this.word();
    const from = aligned(this.#at, to);
    this.#at = from + lengthBytes;
    return this.#bytes.subarray(from, this.#at);
  }
}

interface Message {
  readonly lengthBytes: number;
  readonly type: number;
  readonly serial: number;
  readonly fields: Fields;
  readonly body: Buffer;
}

/** The first message, when all of it is there. */
function cut(bytes: Buffer): Message | undefined {
  if (bytes.length < 16) return undefined;
  const [bodyBytes, fieldBytes] = [bytes.readUInt32LE(4), bytes.readUInt32LE(12)];
  const bodyAt = aligned(16 + fieldBytes, 8);
  if (bytes.length < bodyAt + bodyBytes) return undefined;
  const fields: Record<string, string> = {};
  for (let at = 16; at < 16 + fieldBytes; ) {
    at = aligned(at, 8);
    const [code, type] = [bytes[at]!, String.fromCharCode(bytes[at + 2]!)];
    const isShort = type === 'g';
    const lengthBytes = type === 'u' ? 3 : isShort ? bytes[at + 4]! : bytes.readUInt32LE(at + 4);
    const from = at + (isShort ? 5 : 8);
    const name = Object.entries(fieldCodes).find(([, [number]]) => number === code)?.[0];
    if (name !== undefined && type !== 'u') fields[name] = bytes.toString('utf8', from, from + lengthBytes);
    at = type === 'u' ? at + 8 : from + lengthBytes + 1;
  }
  return { lengthBytes: bodyAt + bodyBytes, type: bytes[1]!, serial: bytes.readUInt32LE(8), fields, body: bytes.subarray(bodyAt, bodyAt + bodyBytes) };
}

function field(name: keyof typeof fieldCodes, value: string): Buffer {
  const [code, type] = fieldCodes[name];
  return Buffer.concat([Buffer.from([code, 1, type.charCodeAt(0), 0]), type === 'g' ? signature(value) : text(value)]);
}

export function text(value: string): Buffer {
  return Buffer.concat([word(Buffer.byteLength(value)), Buffer.from(`${value}\0`)]);
}

function signature(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(`${value}\0`)]);
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function aligned(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}

function padded(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length, to) - bytes.length)]);
}

/** One after the other, each at a multiple of `to`. */
function joined(parts: readonly Buffer[], to = 4): Buffer {
  return parts.reduce<Buffer>((all, part) => Buffer.concat([padded(all, to), part]), Buffer.alloc(0));
}
