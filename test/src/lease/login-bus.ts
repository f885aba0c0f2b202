import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

/** A system bus of its own with somebody on it who speaks as logind does about sleep: docs of D-Bus, "Message Protocol". */

/** Why there can be none here; undefined: there can. */
export function missingForBus(): string | undefined {
  const missing = ['dbus-daemon', 'gdbus', 'setpriv'].filter((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined);
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

const messageTypes = { call: 1, signal: 4 } as const;
const fieldCodes = { path: [1, 'o'], interface: [2, 's'], member: [3, 's'], destination: [6, 's'], signature: [8, 'g'] } as const;
type Fields = Partial<Record<keyof typeof fieldCodes, string>>;

export class LoginBus {
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

  static async start(): Promise<LoginBus> {
    const directory = mkdtempSync('/tmp/godwit-bus-');
    const path = join(directory, 'bus');
    const config = join(directory, 'bus.conf');
    // As dbus-daemon's own session.conf: everybody may say and hear everything.
    writeFileSync(config, `<busconfig><listen>unix:path=${path}</listen><auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`);
    const daemon = spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--nopidfile', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(daemon.stdout, 'data');
    const socket = connect(path);
    await once(socket, 'connect');
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    await once(socket, 'data');
    socket.write('BEGIN\r\n');
    const bus = new LoginBus(`unix:path=${path}`, directory, daemon, socket);
    const toBus = { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', destination: 'org.freedesktop.DBus' };
    await bus.#ask({ ...toBus, member: 'Hello' });
    await bus.#ask({ ...toBus, member: 'RequestName', signature: 'su' }, [text('org.freedesktop.login1'), word(0)]);
    // What it is asked from now on gets no answer, as from a logind that hangs.
    socket.resume();
    return bus;
  }

  prepareForSleep(begins: boolean): void {
    this.#send('signal', { path: '/org/freedesktop/login1', interface: 'org.freedesktop.login1.Manager', member: 'PrepareForSleep', signature: 'b' }, [word(begins ? 1 : 0)]);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    const ended = once(this.#daemon, 'exit');
    this.#daemon.kill();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ask(fields: Fields, body: readonly Buffer[] = []): Promise<void> {
    this.#send('call', fields, body);
    await once(this.#socket, 'data');
  }

  #send(type: keyof typeof messageTypes, fields: Fields, parts: readonly Buffer[]): void {
    const body = joined(parts);
    const entries = joined(Object.entries(fields).map(([name, value]) => field(name as keyof typeof fieldCodes, value)), 8);
    const head = Buffer.concat([Buffer.from([0x6c, messageTypes[type], type === 'call' ? 0 : 1, 1]), word(body.length), word(this.#serial), word(entries.length), entries]);
    this.#serial += 1;
    this.#socket.write(Buffer.concat([padded(head, 8), body]));
  }
}

function field(name: keyof typeof fieldCodes, value: string): Buffer {
  const [code, type] = fieldCodes[name];
  return Buffer.concat([Buffer.from([code, 1, type.charCodeAt(0), 0]), type === 'g' ? signature(value) : text(value)]);
}

function text(value: string): Buffer {
  return Buffer.concat([word(value.length), Buffer.from(`${value}\0`)]);
}

function signature(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(`${value}\0`)]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function padded(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
}

/** One after the other, each at a multiple of `to`. */
function joined(parts: readonly Buffer[], to = 4): Buffer {
  return parts.reduce<Buffer>((all, part) => Buffer.concat([padded(all, to), part]), Buffer.alloc(0));
}
