import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault, type Clock, type Log, type Random } from '@godwit/base';
import { z } from 'zod';
import { coordinatorVersion } from '../coordinator-identity.ts';
import { openDatabase, reached, type DatabaseAddress } from '../database/database.ts';
import { ObjectDirectory } from '../objects/object-directory.ts';
import { copyObjects, type Copied } from './copy-objects.ts';
import { dumpDatabase } from './dump.ts';

/** What a backup says of itself, in `backup.json`. */
export const backupNote = z.strictObject({ version: z.literal(1), coordinatorVersion: z.string(), audience: z.string(), takenAt: z.iso.datetime(), store: z.enum(['directory', 'bucket']), objects: z.int().min(0), bytes: z.int().min(0) });
export type BackupNote = z.infer<typeof backupNote>;

/** Beside the database: whoever has the first signs URLs, the second is the newest signed head of the audit log. */
export const keptFiles = ['url-key', 'log-head'] as const;

const nothingCopied: Copied = { objects: 0, bytes: 0, newObjects: 0, newBytes: 0 };

export interface BackupParts {
  readonly dataDirectory: string;
  readonly address: DatabaseAddress;
  readonly to: string;
  /** Objects in a bucket are not copied: it has versions, replication and locks of its own. */
  readonly store: BackupNote['store'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Puts what a running coordinator keeps into `to/backups/TIME` and `to/objects`. The database first, then the objects: they are never overwritten, and what
 * a checkpoint of that database needs is deleted only when nothing has needed it for the grace time (an hour), so all of it is still there. Resolves when it
 * is durable and whole. Throws BACKUP_INCOMPLETE.
 */
export async function backUp({ dataDirectory, address, to, store, clock, random, log }: BackupParts): Promise<Copied & { readonly path: string }> {
  const takenAt = new Date(clock.wallMs()).toISOString();
  const path = join(resolve(to), 'backups', takenAt.replace(/[:.]/g, ''));
  if (existsSync(path)) throw new Fault('BACKUP_REFUSED', { subject: path, expected: 'a name that is free', found: 'one of this moment' });
  const unfinished = `${path}.unfinished`;
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  const objects = new ObjectDirectory(join(resolve(to), 'objects'), random);
  await objects.prepare();
  const source = new ObjectDirectory(join(dataDirectory, 'objects'), random);
  const db = openDatabase(address, log);
  try {
    // Before the database: one that is older than its head is refused by the coordinator, the other way round it is not.
    for (const name of keptFiles) if (existsSync(join(dataDirectory, name))) await copyFile(join(dataDirectory, name), join(unfinished, name));
    const { audience } = await reached(() => db.selectFrom('coordinator').select('audience').executeTakeFirstOrThrow());
    await dumpDatabase(address, join(unfinished, 'database.dump'));
    const copied = store === 'directory' ? await copyObjects(db, source, objects) : nothingCopied;
    const note: BackupNote = { version: 1, coordinatorVersion, audience, takenAt, store, objects: copied.objects, bytes: copied.bytes };
    await writeFile(join(unfinished, 'backup.json'), `${JSON.stringify(note, undefined, 2)}\n`, { mode: 0o600 });
    for (const name of ['database.dump', 'backup.json', ...keptFiles, '.']) await sync(join(unfinished, name));
    await rename(unfinished, path);
    await sync(join(path, '..'));
    return { ...copied, path };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    source.close();
    objects.close();
    await db.destroy();
  }
}

async function sync(path: string): Promise<void> {
  if (!existsSync(path)) return;
  await using file = await open(path, 'r');
  await file.sync();
}
