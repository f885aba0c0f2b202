import { existsSync, readdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { sql } from 'kysely';
import { Fault, type Log, type Random } from '@godwit/base';
import { takeDataDirectory } from '../data-directory.ts';
import { openDatabase, reached, type Database, type DatabaseAddress } from '../database/database.ts';
import { ObjectDirectory } from '../objects/object-directory.ts';
import { databaseName, databaseUser, startCluster } from '../postgres/cluster.ts';
import { backupNote, keptFiles, type BackupNote } from './back-up.ts';
import { copyObjects, findObjects } from './copy-objects.ts';
import { loadDatabase } from './dump.ts';

/** What is asked of a bucket: the length of an object, undefined where there is none. */
export type Bucket = Parameters<typeof findObjects>[1];

export interface RestoreParts {
  readonly dataDirectory: string;
  /** A database elsewhere, empty; undefined: a private one is made in the data directory. */
  readonly databaseUrl: string | undefined;
  /** One backup: the folder with `backup.json`. */
  readonly from: string;
  /** The bucket with the objects, if that is where they are. */
  readonly bucket: Bucket | undefined;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Makes a data directory out of a backup, beside its place and then renamed: one that is there is whole. Each object that the database names is read against
 * its digest. Throws BACKUP_REFUSED, BACKUP_INCOMPLETE; nothing is left then but, elsewhere, what a database took in.
 */
export async function restore({ dataDirectory, databaseUrl, from, bucket, random, log }: RestoreParts): Promise<BackupNote> {
  const note = await readNote(from);
  const store = bucket === undefined ? 'directory' : 'bucket';
  // The other way round its objects may lie in a second bucket, under the same keys.
  if (note.store === 'bucket' && store === 'directory') throw new Fault('BACKUP_REFUSED', { subject: from, expected: `objects in a ${note.store}`, found: `a ${store}`, hint: 'set S3_BUCKET and the others as they were when the backup was taken' });
  if (existsSync(dataDirectory) && readdirSync(dataDirectory).length > 0) throw new Fault('BACKUP_REFUSED', { subject: dataDirectory, expected: 'an empty data directory', found: 'one that is in use' });
  const unfinished = `${resolve(dataDirectory)}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o711 });
  try {
    for (const name of keptFiles) await keep(join(from, name), join(unfinished, name));
    await fill({ dataDirectory: unfinished, databaseUrl, from, bucket, random, log });
    if (existsSync(dataDirectory)) await rmdir(dataDirectory);
    await rename(unfinished, dataDirectory);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return note;
}

async function readNote(from: string): Promise<BackupNote> {
  try {
    return backupNote.parse(JSON.parse(await readFile(join(from, 'backup.json'), 'utf8')));
  } catch (error) {
    throw new Fault('BACKUP_REFUSED', { subject: from, expected: 'a folder with a backup.json of this version', cause: error });
  }
}

async function keep(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  await copyFile(from, to);
  await chmod(to, 0o600);
}

async function fill({ dataDirectory, databaseUrl, from, bucket, random, log }: RestoreParts): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const data = await takeDataDirectory(dataDirectory, random);
  undo.defer(() => data.release());
  const cluster = databaseUrl === undefined ? await startCluster(data.path, log) : undefined;
  if (cluster !== undefined) undo.defer(() => cluster.stop());
  const address: DatabaseAddress = cluster === undefined ? { url: databaseUrl ?? '' } : { socketDirectory: cluster.socketDirectory, user: databaseUser, database: databaseName };
  const db = openDatabase(address, log);
  undo.defer(() => db.destroy());
  await requireEmpty(db);
  await loadDatabase(address, join(from, 'database.dump'));
  await doubtCopies(db);
  if (bucket !== undefined) {
    await findObjects(db, bucket);
    return;
  }
  const [source, objects] = [new ObjectDirectory(join(dirname(dirname(resolve(from))), 'objects'), random), new ObjectDirectory(data.objectsPath, random)];
  undo.defer(() => {
    source.close();
    objects.close();
  });
  await objects.prepare();
  await copyObjects(db, source, objects);
}

async function requireEmpty(db: Database): Promise<void> {
  const { rows: [row] } = await reached(() => sql<{ tables: number }>`select count(*) as tables from pg_tables where schemaname = current_schema()`.execute(db));
  if (row?.tables !== 0) throw new Fault('BACKUP_REFUSED', { subject: 'DATABASE_URL', expected: 'an empty database', found: `${row?.tables ?? 0} tables` });
}

/** What a second bucket had at the time of the backup may be gone from there since: it is looked at again. A database of an older version knows of none. */
async function doubtCopies(db: Database): Promise<void> {
  await reached(() => sql`do $$ begin if to_regclass('second_copies') is not null then update second_copies set copied_at = null; end if; end $$`.execute(db));
}
