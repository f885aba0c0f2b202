import { createReadStream } from 'node:fs';
import { Fault, type AccountId } from '@godwit/base';
import { reached, type Database } from '../database/database.ts';
import type { ObjectDirectory } from '../objects/object-directory.ts';
import type { OpenFile } from '../objects/open-files.ts';

const pageObjects = 500;
const pieceBytes = 256 * 1024;

export interface Copied {
  /** All that the database names. */
  readonly objects: number;
  readonly bytes: number;
  /** Those of them that were not there yet. */
  readonly newObjects: number;
  readonly newBytes: number;
}

interface Row {
  readonly object_id: number;
  readonly account_id: AccountId;
  readonly object_key: string;
  readonly length_bytes: number;
  readonly sha256: Buffer;
}

/**
 * Copies every object that some checkpoint was committed with, each held to its length and digest; what is there with its length stays. Throws
 * BACKUP_INCOMPLETE for one that `from` does not have or has otherwise.
 */
export async function copyObjects(db: Database, from: ObjectDirectory, to: ObjectDirectory): Promise<Copied> {
  const copied = { objects: 0, bytes: 0, newObjects: 0, newBytes: 0 };
  for await (const row of committed(db)) {
    const isNew = await copy(row, from, to);
    copied.objects += 1;
    copied.bytes += row.length_bytes;
    if (isNew) [copied.newObjects, copied.newBytes] = [copied.newObjects + 1, copied.newBytes + row.length_bytes];
  }
  return copied;
}

/** That a bucket has each of them, by its length. Throws BACKUP_INCOMPLETE. */
export async function findObjects(db: Database, bucket: { lengthOf(accountId: AccountId, key: string): Promise<number | undefined> }): Promise<void> {
  for await (const { account_id: accountId, object_key: key, length_bytes: lengthBytes } of committed(db)) {
    const found = await bucket.lengthOf(accountId, key);
    if (found !== lengthBytes) throw new Fault('BACKUP_INCOMPLETE', { subject: key, expected: `${lengthBytes} bytes in the bucket`, found: found === undefined ? 'no object' : `${found}` });
  }
}

/** Page by page: there may be millions. */
async function* committed(db: Database): AsyncGenerator<Row> {
  for (let after = -1; ; ) {
    const rows = await reached(() => readPage(db, after));
    yield* rows;
    if (rows.length < pageObjects) return;
    after = rows.at(-1)!.object_id;
  }
}

function readPage(db: Database, after: number): Promise<Row[]> {
  return db.selectFrom('objects').select(['object_id', 'account_id', 'object_key', 'length_bytes', 'sha256']).where('committed', '=', true).where('deleting_at', 'is', null).where('object_id', '>', after).orderBy('object_id').limit(pageObjects).execute();
}

/** False when it was there. */
async function copy({ account_id: accountId, object_key: key, length_bytes: lengthBytes, sha256 }: Row, from: ObjectDirectory, to: ObjectDirectory): Promise<boolean> {
  if ((await lengthOf(to, accountId, key)) === lengthBytes) return false;
  try {
    await from.reading(accountId, key, async (file) => {
      if (file.lengthBytes !== lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { subject: key, expected: `${lengthBytes} bytes`, found: `${file.lengthBytes}` });
      await to.put(accountId, key, bodyOf(file), lengthBytes, sha256);
    });
  } catch (error) {
    throw error instanceof Fault ? new Fault('BACKUP_INCOMPLETE', { subject: key, expected: 'an object as it was committed', found: error.code, cause: error }) : error;
  }
  return true;
}

async function lengthOf(store: ObjectDirectory, accountId: AccountId, key: string): Promise<number | undefined> {
  try {
    return await store.reading(accountId, key, ({ lengthBytes }) => Promise.resolve(lengthBytes));
  } catch (error) {
    if (error instanceof Fault && error.code === 'OBJECT_NOT_FOUND') return undefined;
    throw error;
  }
}

async function* bodyOf({ fd, lengthBytes }: OpenFile): AsyncGenerator<Buffer> {
  // The end of a span is its last byte, and no byte has none.
  if (lengthBytes > 0) yield* createReadStream('', { fd, autoClose: false, start: 0, end: lengthBytes - 1, highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
}
