import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import pg from 'pg';
import { silentLog, systemRandom } from '@godwit/base';
import { migrate, openDatabase } from '../database/database.ts';
import { databaseName, databaseUser, startCluster, type Cluster } from '../postgres/cluster.ts';

/** A database in it as the migrations leave it, of which the others are copies: a copy takes a quarter of the time. */
const migratedName = 'migrated';

let shared: Promise<{ folder: string; cluster: Cluster }> | undefined;

/**
 * The URL of a new database in this process's cluster, which is started with the first. Of kind `migrated` it has the tables of today, and nobody
 * waits for the disk: nobody pulls its plug. Of kind `empty` it has nothing, and is as durable as a coordinator's own.
 */
export async function newDatabaseUrl(kind: 'migrated' | 'empty' = 'migrated'): Promise<string> {
  shared ??= startShared();
  const { cluster } = await shared;
  const name = `stage_${systemRandom(6).toString('hex')}`;
  if (kind === 'empty') await tell(cluster, [`create database ${name} template template0`]);
  else await tell(cluster, [`create database ${name} template ${migratedName}`, `alter database ${name} set synchronous_commit = off`]);
  return urlOf(cluster, name);
}

async function startShared(): Promise<{ folder: string; cluster: Cluster }> {
  const folder = mkdtempSync('/tmp/godwit-api-cluster-');
  chmodSync(folder, 0o711); // PostgreSQL's user passes through when the tests run as root
  const cluster = await startCluster(folder, silentLog);
  await tell(cluster, [`create database ${migratedName} template template0`]);
  const db = openDatabase({ url: urlOf(cluster, migratedName) }, silentLog);
  await migrate(db).finally(() => db.destroy()); // A template has to be without connections.
  return { folder, cluster };
}

async function tell({ socketDirectory }: Cluster, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ host: socketDirectory, user: databaseUser, database: databaseName });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function urlOf({ socketDirectory }: Cluster, name: string): string {
  return `postgresql:///${name}?host=${socketDirectory}&user=${databaseUser}`;
}

export async function dropSharedCluster(): Promise<void> {
  if (shared === undefined) return;
  const { folder, cluster } = await shared;
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}
