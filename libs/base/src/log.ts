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

/**
 * JSON lines to `write`; control bytes inside values arrive escaped. Faults and errors are logged with their causes, bytes only
 * by length. Time, level and event are the log's own: a field of such a name is dropped. Never throws because of a value.
 */
export function jsonLog(write: (line: string) => void, minimum: LogLevel = 'info', bound: LogFields = {}): Log {
  const emit = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    if (order[level] < order[minimum]) return;
    const head = { time: new Date().toISOString(), level, event };
    write(`${line({ ...head, ...bound, ...fields, ...head }, head)}\n`);
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

/** A value that cannot be written (a circle, a `toJSON` that throws) costs its line the fields, never the caller its work. */
function line(record: LogFields, head: LogFields): string {
  try {
    return JSON.stringify(record, replacer);
  } catch (error) {
    return JSON.stringify({ ...head, unwritable: error instanceof Error ? error.name : typeof error }, replacer);
  }
}

/** JSON.stringify calls `toJSON` before its replacer, which would drop a fault's cause: so look at the value in its holder. */
function replacer(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'bigint') return value.toString();
  if (ArrayBuffer.isView(original) || original instanceof ArrayBuffer) return `${original.byteLength} bytes`;
  if (original instanceof Fault) return { ...original.toJSON(), cause: original.cause };
  if (original instanceof Error) return errorFields(original);
  return value;
}

/** `code` and `errors`: a refused connection to a name with several addresses says nothing in its message. */
function errorFields(error: Error): LogFields {
  return {
    name: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error instanceof AggregateError ? { errors: error.errors as unknown[] } : {}),
    cause: error.cause,
  };
}
