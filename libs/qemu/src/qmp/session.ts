import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, printable, systemClock } from '@godwit/base';
import { encodeCommand, isObject, QmpDecoder, type QmpArguments, type QmpMessage } from './codec.ts';

export interface QmpEvent {
  readonly name: string;
  readonly data: QmpArguments;
  /** `Clock.workMs` of this process when the event was read. */
  readonly receivedMs: number;
  /** QEMU's wall clock, milliseconds since 1970: for display, and to compare events with each other. */
  readonly qemuTimeMs: number;
}

export interface QmpConnectOptions {
  /** How long QEMU may take to open its socket and to greet; 10 s unless given. */
  readonly timeoutMs?: number;
  /** When it fires (QEMU has exited, the user gave up), connecting ends with its reason. */
  readonly signal?: AbortSignal;
}

export interface QmpWaitOptions {
  /** No limit unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type QmpState = 'connecting' | 'ready' | 'closed';
type EventHandler = (event: QmpEvent) => void;
interface Pending { readonly command: string; readonly settle: (error: unknown, value?: unknown) => void }

const connectTimeoutMs = 10_000;
/** QEMU answers within milliseconds; a `migrate` of a large guest or a snapshot on a slow disk may take seconds. */
const commandTimeoutMs = 30_000;
/** QEMU opens its socket within 30 to 60 ms of its start. */
const connectRetryMs = 5;

/**
 * A QMP connection to one QEMU over a Unix socket.
 *
 *   connecting --greeting, qmp_capabilities--> ready --close(), disconnect, broken protocol--> closed
 *
 * Whatever is waiting when it closes ends with the fault that closed it (QMP_DISCONNECTED unless it was close()'s).
 */
export class QmpSession {
  readonly #decoder = new QmpDecoder();
  readonly #pending = new Map<number, Pending>();
  readonly #handlers = new Map<string, Set<EventHandler>>();
  readonly #waiting = new Set<(fault: Fault) => void>();
  readonly #closing = Promise.withResolvers<Fault>();
  #socket: Socket;
  #state: QmpState = 'connecting';
  #nextId = 1;
  #closeFault: Fault | undefined;
  #greet: (() => void) | undefined;
  #version: unknown;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause) => this.#close(new Fault('QMP_DISCONNECTED', { cause })));
    socket.on('close', () => this.#close(new Fault('QMP_DISCONNECTED')));
  }

  /** Connects and negotiates, trying again until QEMU is up. Faults: QMP_UNREACHABLE after `timeoutMs`, QMP_DISCONNECTED, QMP_PROTOCOL, CANCELLED. */
  static async connect(path: string, { timeoutMs = connectTimeoutMs, signal }: QmpConnectOptions = {}): Promise<QmpSession> {
    const deadlineMs = systemClock.workMs() + timeoutMs;
    const socket = await openSocket(path, deadlineMs, signal);
    const session = new QmpSession(socket);
    const greeted = new Promise<void>((resolve) => (session.#greet = resolve));
    try {
      await within(Promise.race([greeted, session.closed.then((fault) => Promise.reject(fault))]), Math.max(1, deadlineMs - systemClock.workMs()), signal, 'the greeting');
      session.#state = 'ready';
      await session.execute('qmp_capabilities', undefined, { timeoutMs: Math.max(1, deadlineMs - systemClock.workMs()), ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      session.#close(Fault.from(error));
      throw error;
    }
    return session;
  }

  get state(): QmpState {
    return this.#state;
  }

  /** QEMU's version from the greeting. */
  get version(): unknown {
    return this.#version;
  }

  /** Settles with the reason when the session closes; never rejects. */
  get closed(): Promise<Fault> {
    return this.#closing.promise;
  }

  /**
   * Runs one command and gives its result. Faults: QMP_COMMAND_FAILED with QEMU's class and text, QMP_DISCONNECTED, QMP_TIMEOUT (the
   * command may still be carried out), CANCELLED.
   */
  execute(command: string, args?: QmpArguments, { timeoutMs = commandTimeoutMs, signal }: QmpWaitOptions = {}): Promise<unknown> {
    if (this.#state !== 'ready') return Promise.reject(this.#closeFault ?? new Fault('QMP_DISCONNECTED', { subject: command, expected: 'a session that is ready', found: this.#state }));
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { command, settle: (error, value) => (error === undefined ? resolve(value) : reject(error)) });
    this.#socket.write(encodeCommand(id, command, args));
    return within(promise, timeoutMs, signal, command).finally(() => this.#pending.delete(id));
  }

  /** Calls `handler` for each event named `name`, or for every event with `'*'`. Returns the way to stop it. What a handler throws closes the session. */
  on(name: string, handler: EventHandler): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /**
   * The next event named `name` for which `predicate` holds. Only events from now on count: call it before the command that causes
   * the event. Faults: QMP_TIMEOUT, QMP_DISCONNECTED, CANCELLED.
   */
  waitFor(name: string, predicate: (event: QmpEvent) => boolean = () => true, { timeoutMs, signal }: QmpWaitOptions = {}): Promise<QmpEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent>();
    if (this.#closeFault !== undefined) return Promise.reject(this.#closeFault);
    const stop = this.on(name, (event) => {
      try {
        if (predicate(event)) resolve(event);
      } catch (error) {
        reject(error);
      }
    });
    this.#waiting.add(reject);
    return within(promise, timeoutMs, signal, `event ${name}`).finally(() => {
      stop();
      this.#waiting.delete(reject);
    });
  }

  /** Closes the connection; QEMU goes on. */
  close(): void {
    this.#close(new Fault('QMP_DISCONNECTED', { found: 'a session closed on this side' }));
  }

  #receive(chunk: Buffer): void {
    const receivedMs = systemClock.workMs();
    try {
      for (const message of this.#decoder.push(chunk)) this.#dispatch(message, receivedMs);
    } catch (error) {
      this.#close(Fault.from(error));
    }
  }

  #dispatch(message: QmpMessage, receivedMs: number): void {
    switch (message.kind) {
      case 'greeting':
        this.#version = message.version;
        this.#greet?.();
        break;
      case 'result':
        this.#settle(message.id, undefined, message.value);
        break;
      case 'error': {
        const { errorClass, description } = message;
        const pending = typeof message.id === 'number' ? this.#pending.get(message.id) : undefined;
        const subject = pending?.command ?? 'a command';
        this.#settle(message.id, new Fault('QMP_COMMAND_FAILED', { subject, found: printable(`${errorClass}: ${description}`) }));
        break;
      }
      case 'event':
        this.#emit({ name: message.name, data: message.data, receivedMs, qemuTimeMs: message.qemuTimeMs });
    }
  }

  /** An answer without a waiter is that of a command that timed out, or QEMU's complaint about a line it could not read. */
  #settle(id: unknown, error: Fault | undefined, value?: unknown): void {
    if (typeof id !== 'number') throw new Fault('QMP_PROTOCOL', { expected: 'an answer with its id', found: error?.found ?? 'none' });
    this.#pending.get(id)?.settle(error, value);
  }

  #emit(event: QmpEvent): void {
    for (const name of [event.name, '*']) {
      for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(event);
    }
  }

  #close(fault: Fault): void {
    if (this.#closeFault !== undefined) return;
    this.#closeFault = fault;
    this.#state = 'closed';
    this.#socket.destroy();
    for (const { settle } of [...this.#pending.values()]) settle(fault);
    for (const reject of [...this.#waiting]) reject(fault);
    this.#closing.resolve(fault);
  }
}

/** The class of a refused command ("GenericError", "CommandNotFound", "DeviceNotFound" ...), or undefined for another fault. */
export function qmpErrorClass(error: unknown): string | undefined {
  return error instanceof Fault && error.code === 'QMP_COMMAND_FAILED' ? error.found?.split(':', 1)[0] : undefined;
}

async function openSocket(path: string, deadlineMs: number, signal: AbortSignal | undefined): Promise<Socket> {
  for (;;) {
    if (signal?.aborted === true) throw cancelled(signal);
    try {
      return await openOnce(path);
    } catch (cause) {
      // Not there yet, or bound and not yet listening: QEMU is still starting.
      const starting = isObject(cause) && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' || cause.code === 'EAGAIN');
      if (!starting || systemClock.workMs() >= deadlineMs) throw new Fault('QMP_UNREACHABLE', { subject: path, cause, found: isObject(cause) ? String(cause.code) : 'a failure' });
    }
    await sleep(connectRetryMs);
  }
}

function openOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** `work`, or QMP_TIMEOUT after `timeoutMs`, or the signal's reason. */
function within<Value>(work: Promise<Value>, timeoutMs: number | undefined, signal: AbortSignal | undefined, subject: string): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    const onTimeout = (): void => settle(() => reject(new Fault('QMP_TIMEOUT', { subject, expected: `an answer within ${Math.round(timeoutMs!)} ms` })));
    const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs);
    const onAbort = (): void => settle(() => reject(cancelled(signal!)));
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    work.then((value) => settle(() => resolve(value)), (error: unknown) => settle(() => reject(Fault.from(error))));
  });
}

function cancelled(signal: AbortSignal): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault('CANCELLED', { cause: signal.reason });
}
