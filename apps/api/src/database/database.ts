import { Kysely, Migrator, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { Fault, type Log } from '@godwit/base';
import { gatherLeaves, writeLeaves } from '../audit/append-leaf.ts';
import { migrations } from './migrations.ts';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;
export type Trx = Transaction<Schema>;
/** A place to run a query: the database itself, or a transaction. */
export type Queries = Kysely<Schema>;

/** With those for prepared statements below the private server's 100, which several coordinators of a test share, with room for migrations and a person with psql. */
const connectionsMax = 16;
const connectLimitMs = 3_000;
/** No query here is slow; one that is waits for a lock of a request that is about to end. */
const statementLimitMs = 10_000;
const queryLimitMs = 12_000;

export type DatabaseAddress = { readonly url: string } | { readonly socketDirectory: string; readonly user: string; readonly database: string };

export function openDatabase(address: DatabaseAddress, log: Log): Database {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: openPool(address, connectionsMax, log) }) });
}

export function openPool(address: DatabaseAddress, most: number, log: Log): pg.Pool {
  const place = 'url' in address ? { connectionString: address.url } : { host: address.socketDirectory, user: address.user, database: address.database };
  const pool = new pg.Pool({
    ...place,
    max: most,
    connectionTimeoutMillis: connectLimitMs,
    statement_timeout: statementLimitMs,
    query_timeout: queryLimitMs,
    idle_in_transaction_session_timeout: statementLimitMs,
    idleTimeoutMillis: 30_000,
    application_name: 'godwit-coordinator',
    types: { getTypeParser: typeParser },
  });
  // A connection that breaks while idle: the pool drops it, the next query opens another.
  pool.on('error', (error) => log.warn('database.connection', { error }));
  // One that breaks between two statements of a transaction: the next statement fails, and without a listener so would the process.
  pool.on('connect', (client) => client.on('error', (error) => log.debug('database.connection', { error })));
  return pool;
}

const int8Oid = 20;
const uuidOid = 2950;

/** Ids are uuids in the tables (16 bytes) and 32 digits everywhere else; bigints are safe integers or an error. */
function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === uuidOid) return (text) => text.replaceAll('-', '');
  if (oid === int8Oid) return safeInteger;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a type's id comes from the server as a number
  return pg.types.getTypeParser(oid, format) as (text: string) => unknown;
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Fault('INTERNAL', { expected: 'a bigint below 2^53', found: text });
  return value;
}

/** Brings the schema up to date; coordinators that start together wait for each other. Throws DATABASE_SCHEMA_REFUSED. */
export async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (isUnreachable(error)) throw new Fault('DATABASE_UNAVAILABLE', { cause: error });
  throw new Fault('DATABASE_SCHEMA_REFUSED', { cause: error, found: error instanceof Error ? error.message : 'an error' });
}

/**
 * One state change: everything `change` does, or nothing; the leaves that it appends to the audit log (`appendLeaf`) are written last.
 * Durable when it resolves. A broken connection is DATABASE_UNAVAILABLE.
 */
export async function inTransaction<Result>(db: Database, change: (trx: Trx) => Promise<Result>): Promise<Result> {
  const recorded = async (trx: Trx): Promise<Result> => {
    gatherLeaves(trx);
    const result = await change(trx);
    await writeLeaves(trx);
    return result;
  };
  return reached(() => db.transaction().setIsolationLevel('read committed').execute(recorded));
}

/** Runs queries and turns what a missing database throws into DATABASE_UNAVAILABLE; faults pass. */
export async function reached<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Fault || !isUnreachable(error)) throw error;
    throw new Fault('DATABASE_UNAVAILABLE', { cause: error });
  }
}

export async function answersQueries(db: Database): Promise<void> {
  await reached(() => sql`select 1`.execute(db));
}

/** Classes of SQLSTATE (PostgreSQL manual, appendix A): connection, rolled back to end a deadlock, resources, operator intervention, system error. */
const unreachableClasses = new Set(['08', '40', '53', '57', '58']);
const unreachableErrnos = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES']);
/** What pg itself says, in words only, when a connection goes away or cannot be had in time. */
const unreachableWords = /connection terminated|timeout exceeded when trying to connect|not queryable|query read timeout|client was closed/i;

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return unreachableErrnos.has(code) || (code.length === 5 && unreachableClasses.has(code.slice(0, 2)));
  return unreachableWords.test(error.message);
}

/** Whether a query failed on a unique constraint or index of this name. */
export function violates(error: unknown, constraint: string): boolean {
  const { code, constraint: name } = error as { code?: unknown; constraint?: unknown };
  return code === '23505' && name === constraint;
}
