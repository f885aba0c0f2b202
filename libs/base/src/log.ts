import { Fault } from './fault.ts';
import { printable } from './text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log. `with` binds fields (a desktop's id, a move) to every later line. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  with(fields: LogFields): Log;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** JSON lines to `write`; control bytes inside values arrive escaped. Faults are logged with their cause's text, bytes only by length. */
export function jsonLog(write: (line: string) => void, minimum: LogLevel = 'info', bound: LogFields = {}): Log {
  const emit = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    if (order[level] < order[minimum]) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...bound, ...fields }, replacer)}\n`);
  };
  return {
    debug: (event, fields) => emit('debug', event, fields),
    info: (event, fields) => emit('info', event, fields),
    warn: (event, fields) => emit('warn', event, fields),
    error: (event, fields) => emit('error', event, fields),
    with: (fields) => jsonLog(write, minimum, { ...bound, ...fields }),
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog };

/** JSON.stringify calls `toJSON` before its replacer, which would drop a fault's cause: so look at the value in its holder. */
function replacer(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'bigint') return value.toString();
  if (original instanceof Uint8Array) return `${original.length} bytes`;
  if (original instanceof Fault) return { ...original.toJSON(), cause: original.cause };
  if (original instanceof Error) return { name: original.name, message: original.message, stack: original.stack, cause: original.cause };
  return value;
}
