import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import pg from 'pg';
import { silentLog, systemRandom } from '@godwit/base';
import { databaseName, databaseUser, startCluster, type Cluster } from '../postgres/cluster.ts';

let shared: Promise<{ folder: string; cluster: Cluster }> | undefined;

/** The URL of a new, empty database in this process's cluster, which is started with the first. */
export async function newDatabaseUrl(): Promise<string> {
  shared ??= startShared();
  const { cluster } = await shared;
  const name = `stage_${systemRandom(6).toString('hex')}`;
  const client = new pg.Client({ host: cluster.socketDirectory, user: databaseUser, database: databaseName });
  await client.connect();
  await client.query(`create database ${name} template template0`);
  await client.end();
  return `postgresql:///${name}?host=${cluster.socketDirectory}&user=${databaseUser}`;
}

async function startShared(): Promise<{ folder: string; cluster: Cluster }> {
  const folder = mkdtempSync('/tmp/godwit-api-cluster-');
  chmodSync(folder, 0o711); // PostgreSQL's user passes through when the tests run as root
  return { folder, cluster: await startCluster(folder, silentLog) };
}

export async function dropSharedCluster(): Promise<void> {
  if (shared === undefined) return;
  const { folder, cluster } = await shared;
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}
