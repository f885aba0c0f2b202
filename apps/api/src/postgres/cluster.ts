import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Fault, systemClock, type Log } from '@godwit/base';
import { requireReachable, serverAccount, type ServerAccount } from './account.ts';
import { findPostgres, type PostgresPrograms } from './programs.ts';

/**
 * A private PostgreSQL: its cluster lies in the coordinator's data directory, it listens on a Unix socket in a folder that
 * only its user may enter, and it lives and dies with the coordinator. A server that dies by itself is started again.
 */

export const databaseUser = 'godwit';
export const databaseName = 'postgres';
const port = 5432;
/** sun_path is 108 bytes with its terminator (unix(7)). */
const socketPathLimitBytes = 107;
const startLimitMs = 30_000;
const stopLimitMs = 10_000;
/** How long a server that lost its coordinator may take to end by itself before it is asked to. */
const orphanGraceMs = 3_000;
const restartPausesMs = [50, 100, 200, 400, 800, 1_600, 3_200] as const;
const logLimitBytes = 8 * 1024 * 1024;

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '32MB',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  jit: 'off',
  log_min_messages: 'warning',
};

export interface Cluster {
  /** Pass as `host` to a client, with `databaseUser` and `databaseName`; there is no password and no TCP. */
  readonly socketDirectory: string;
  /** The server's process id; changes when it was started again. */
  readonly pid: () => number | undefined;
  /** Fast shutdown: transactions are rolled back, everything committed is on disk afterwards. */
  stop(): Promise<void>;
}

/**
 * Starts the cluster in `dataDirectory` (made at the first start) and resolves when it accepts connections.
 * Throws POSTGRES_MISSING, DATA_DIRECTORY_REFUSED or POSTGRES_FAILED; nothing is left running then.
 */
export async function startCluster(dataDirectory: string, log: Log): Promise<Cluster> {
  const programs = findPostgres();
  const account = serverAccount();
  requireReachable(account, dataDirectory);
  const clusterDirectory = join(dataDirectory, 'postgres');
  const logPath = join(dataDirectory, 'postgres.log');
  if (existsSync(logPath) && statSync(logPath).size > logLimitBytes) renameSync(logPath, `${logPath}.1`);
  if (!existsSync(clusterDirectory)) initialise(programs, account, clusterDirectory, logPath);
  await endOrphan(clusterDirectory, log);
  const socketDirectory = makeSocketDirectory(dataDirectory, account);
  const supervisor = new Supervisor({ programs, account, clusterDirectory, logPath, socketDirectory, log });
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return supervisor;
}

/** In a folder beside its final place, renamed when complete: a start that is killed half-way leaves no half cluster. */
function initialise(programs: PostgresPrograms, account: ServerAccount, clusterDirectory: string, logPath: string): void {
  const unfinished = `${clusterDirectory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  give(unfinished, account);
  const options = ['--username', databaseUser, '--auth', 'trust', '--encoding', 'UTF8', '--no-locale', '--data-checksums', '--no-instructions'];
  const [program, ...rest] = account.command([programs.initdb, '-D', unfinished, ...options]);
  const logFile = openSync(logPath, 'a', 0o600);
  try {
    const { status, error } = spawnSync(program, rest, { cwd: '/', stdio: ['ignore', logFile, logFile], env: serverEnvironment() });
    if (status !== 0) throw new Fault('POSTGRES_FAILED', { subject: 'initdb', expected: 'exit status 0', found: String(status ?? error?.message), hint: `see ${logPath}` });
  } finally {
    closeSync(logFile);
  }
  renameSync(unfinished, clusterDirectory);
}

/** Its own folder: the server's user writes the socket there, and nobody else may enter. */
function makeSocketDirectory(dataDirectory: string, account: ServerAccount): string {
  const preferred = join(dataDirectory, 'run');
  const fits = Buffer.byteLength(join(preferred, `.s.PGSQL.${port}.lock`)) <= socketPathLimitBytes;
  const directory = fits ? preferred : mkdtempSync('/tmp/godwit-pg-');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  give(directory, account);
  return directory;
}

function give(path: string, account: ServerAccount): void {
  if (account.owner !== null) chownSync(path, account.owner.uid, account.owner.gid);
}

/** No PG* variable of the caller's reaches the server, and nothing is translated. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * Ends the server that a killed coordinator left behind. The caller holds the data directory's lock, so a server that runs
 * on it has no coordinator any more. Its process id is trusted only if that process really works in the cluster's folder.
 */
async function endOrphan(clusterDirectory: string, log: Log): Promise<void> {
  const pid = orphanPid(clusterDirectory);
  if (pid === undefined) return;
  if (await waitUntilGone(clusterDirectory, pid, orphanGraceMs)) return;
  log.warn('postgres.orphan', { pid });
  process.kill(pid, 'SIGINT');
  if (await waitUntilGone(clusterDirectory, pid, stopLimitMs)) return;
  process.kill(pid, 'SIGQUIT');
  if (await waitUntilGone(clusterDirectory, pid, stopLimitMs)) return;
  throw new Fault('POSTGRES_FAILED', { expected: 'the former server to end', found: `process ${pid} still running` });
}

function orphanPid(clusterDirectory: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(clusterDirectory, 'postmaster.pid'), 'utf8');
  } catch {
    return undefined; // no such file: it was shut down in order
  }
  const pid = Number(text.split('\n')[0]);
  return Number.isInteger(pid) && pid > 1 && worksIn(pid, clusterDirectory) ? pid : undefined;
}

function worksIn(pid: number, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory;
  } catch {
    return false; // no such process
  }
}

async function waitUntilGone(clusterDirectory: string, pid: number, limitMs: number): Promise<boolean> {
  const giveUpAt = systemClock.workMs() + limitMs;
  while (worksIn(pid, clusterDirectory)) {
    if (systemClock.workMs() > giveUpAt) return false;
    await sleep(25);
  }
  return true;
}

interface SupervisorParts {
  readonly programs: PostgresPrograms;
  readonly account: ServerAccount;
  readonly clusterDirectory: string;
  readonly logPath: string;
  readonly socketDirectory: string;
  readonly log: Log;
}

class Supervisor implements Cluster {
  readonly #parts: SupervisorParts;
  #child: ChildProcess | undefined;
  #stopping = false;
  #restarts = 0;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  get socketDirectory(): string {
    return this.#parts.socketDirectory;
  }

  pid = (): number | undefined => this.#child?.pid;

  /** Until it accepts connections. At the first start an early exit is final; later exits lead to a new start. */
  async start(): Promise<void> {
    const child = this.#spawn();
    const giveUpAt = systemClock.workMs() + startLimitMs;
    while (!(await answers(this.socketDirectory))) {
      if (child.exitCode !== null || child.signalCode !== null) throw this.#failed(`exit ${child.exitCode ?? child.signalCode}`);
      if (systemClock.workMs() > giveUpAt) throw this.#failed(`nothing after ${startLimitMs} ms`);
      await sleep(15);
    }
    child.once('exit', () => this.#restartLater());
    if (child.exitCode !== null || child.signalCode !== null) this.#restartLater();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGQUIT'), stopLimitMs);
      await gone;
      clearTimeout(timer);
    }
    if (this.socketDirectory.startsWith('/tmp/godwit-pg-')) rmSync(this.socketDirectory, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const { programs, account, clusterDirectory, logPath, socketDirectory } = this.#parts;
    const options = Object.entries({ ...settings, unix_socket_directories: socketDirectory, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [program, ...rest] = account.command([programs.postgres, '-D', clusterDirectory, ...options]);
    const logFile = openSync(logPath, 'a', 0o600);
    try {
      // A group of its own: Ctrl-C at a terminal is for the coordinator, which then shuts the server down in order.
      const child = spawn(program, rest, { detached: true, cwd: '/', stdio: ['ignore', logFile, logFile], env: serverEnvironment() });
      child.on('error', (error) => this.#parts.log.error('postgres.spawn', { error }));
      this.#child = child;
      return child;
    } finally {
      closeSync(logFile);
    }
  }

  #restartLater(): void {
    if (this.#stopping) return;
    const pauseMs = restartPausesMs[Math.min(this.#restarts, restartPausesMs.length - 1)];
    this.#restarts += 1;
    this.#parts.log.error('postgres.died', { restartInMs: pauseMs });
    this.#restartTimer = setTimeout(() => void this.#restart(), pauseMs);
  }

  async #restart(): Promise<void> {
    try {
      await this.start();
      this.#restarts = 0;
      this.#parts.log.info('postgres.restarted', { pid: this.pid() });
    } catch (error) {
      this.#parts.log.error('postgres.restart', { error });
      this.#child?.kill('SIGQUIT');
      this.#restartLater();
    }
  }

  #failed(found: string): Fault {
    return new Fault('POSTGRES_FAILED', { expected: 'it to accept connections', found, hint: `see ${this.#parts.logPath}` });
  }
}

/** Whether the server answers a query: while it recovers it already listens, but answers nothing. */
async function answers(socketDirectory: string): Promise<boolean> {
  const client = new pg.Client({ host: socketDirectory, port, user: databaseUser, database: databaseName, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // the connection's end is seen by the query
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined); // What the query said is the answer.
  }
}
