import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Fault } from '@godwit/base';
import type { DatabaseAddress } from '../database/database.ts';
import { findPostgres } from '../postgres/programs.ts';

/** The database as one file, by PostgreSQL's own programs. */

const errorBytesMax = 4_000;

/** One moment of it, however long that takes and whatever is written meanwhile. Throws POSTGRES_MISSING, BACKUP_INCOMPLETE. */
export async function dumpDatabase(address: DatabaseAddress, file: string): Promise<void> {
  await runProgram('pg_dump', ['--format=custom', '--no-owner', '--no-privileges', `--file=${file}`], address);
}

/** All of it or nothing. Throws POSTGRES_MISSING, BACKUP_INCOMPLETE. */
export async function loadDatabase(address: DatabaseAddress, file: string): Promise<void> {
  await runProgram('pg_restore', ['--no-owner', '--no-privileges', '--single-transaction', '--exit-on-error', `--dbname=${databaseOf(address)}`, file], address);
}

function databaseOf(address: DatabaseAddress): string {
  return environmentOf(address)['PGDATABASE'] ?? '';
}

/** In the environment, not among the arguments: those every user of the machine can read, and there is a password in it. */
function environmentOf(address: DatabaseAddress): Record<string, string> {
  if (!('url' in address)) return { PGHOST: address.socketDirectory, PGUSER: address.user, PGDATABASE: address.database };
  const { hostname, port, username, password, pathname, searchParams } = new URL(address.url);
  const named = { PGHOST: searchParams.get('host') ?? hostname, PGPORT: port, PGUSER: searchParams.get('user') ?? decodeURIComponent(username), PGPASSWORD: decodeURIComponent(password), PGDATABASE: decodeURIComponent(pathname.slice(1)), PGSSLMODE: searchParams.get('sslmode') ?? '', PGSSLROOTCERT: searchParams.get('sslrootcert') ?? '' };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ''));
}

async function runProgram(name: string, words: readonly string[], address: DatabaseAddress): Promise<void> {
  const program = join(dirname(findPostgres().postgres), name);
  const child = spawn(program, words, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], LC_ALL: 'C', ...environmentOf(address) } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (said = (said + piece).slice(0, errorBytesMax)));
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `${code ?? signal}: ${said.trim()}`));
  });
  if (ended !== '') throw new Fault('BACKUP_INCOMPLETE', { subject: name, expected: 'exit status 0', found: ended });
}
