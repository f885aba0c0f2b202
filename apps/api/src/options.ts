import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault, type LogLevel } from '@godwit/base';

export interface CommandLine {
  readonly help: boolean;
  readonly json: boolean;
  readonly dataDirectory: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly databaseUrl: string | undefined;
  readonly logLevel: LogLevel;
}

export const usage = `usage: godwit-coordinator [--data DIR] [--listen HOST:PORT] [--log LEVEL] [--json]

  --data DIR          where everything is kept (default: $GODWIT_COORDINATOR_DATA,
                      else ~/.local/share/godwit-coordinator, as root /var/lib/godwit-coordinator)
  --listen HOST:PORT  default 127.0.0.1:7420; port 0 takes any free one
  --log LEVEL         debug, info, warn (default) or error, as JSON lines on standard error
  --json              print the line that says it is ready as JSON

DATABASE_URL names a PostgreSQL server; without it a private one runs in the data directory.
`;

const defaultListen = '127.0.0.1:7420';
const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

/** Throws COORDINATOR_OPTIONS. */
export function parseCommandLine(argv: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): CommandLine {
  const values = parse(argv);
  const level = values.log ?? 'warn';
  if (!levels.includes(level)) throw new Fault('COORDINATOR_OPTIONS', { subject: '--log', expected: levels.join(', '), found: level });
  return {
    help: values.help === true,
    json: values.json === true,
    dataDirectory: resolve(values.data ?? environment['GODWIT_COORDINATOR_DATA'] ?? defaultData(isRoot)),
    listen: parseListen(values.listen ?? defaultListen),
    databaseUrl: environment['DATABASE_URL'] === '' ? undefined : environment['DATABASE_URL'],
    logLevel: level as LogLevel,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: { data: { type: 'string' }, listen: { type: 'string' }, log: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else' });
  }
}

function defaultData(isRoot: boolean): string {
  return isRoot ? '/var/lib/godwit-coordinator' : join(homedir(), '.local/share/godwit-coordinator');
}

function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port <= 65_535)) throw new Fault('COORDINATOR_OPTIONS', { subject: '--listen', expected: 'HOST:PORT', found: text });
  return { host, port };
}
