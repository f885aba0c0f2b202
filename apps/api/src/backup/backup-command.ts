import { parseArgs } from 'node:util';
import { Fault, silentLog, systemClock, systemRandom } from '@godwit/base';
import { dataDirectoryOf, databaseUrlOf } from '../options.ts';
import { databaseOf } from '../postgres/running.ts';
import { Bucket } from '../s3/bucket.ts';
import { BucketStore } from '../s3/bucket-store.ts';
import { s3SettingsOf, trustOwnAuthority } from '../s3/s3-settings.ts';
import { backUp } from './back-up.ts';
import { restore } from './restore.ts';

/** `godwit-coordinator backup` and `restore`: their words, and what they print. */

export const backupUsage = `usage: godwit-coordinator backup --to DIR [--data DIR] [--json]
       godwit-coordinator restore --from DIR/backups/TIME [--data DIR] [--json]

  backup puts everything that the coordinator keeps into DIR, while it runs: the database as of now, and each object that is
  not in DIR yet. Objects are read against their digest on the way. DIR/backups/TIME is there only when it is whole.
  restore makes a data directory of one of them. Stop the coordinator first; what is restored into must be empty.
  With DATABASE_URL the database is that one, for both; to restore it has to be empty. With S3_BUCKET objects stay in the bucket,
  which has versions of its own and may have a second one: backup copies none, and restore looks whether all are there. A backup
  of objects in the data directory is restored into a second bucket that way, too.

  --to DIR      where backups are kept, one after the other; give each coordinator its own
  --from DIR    one backup
  --data DIR    where the coordinator keeps everything (default: as for the coordinator itself)
  --json        print what was done as JSON
`;

/** What is to be printed. Throws COORDINATOR_OPTIONS, BACKUP_REFUSED, BACKUP_INCOMPLETE, and what database and store throw. */
export async function backupCommand(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Promise<string> {
  const [verb, ...rest] = words;
  const { to, from, data, help, json } = parse(rest);
  if (help === true) return backupUsage;
  const dataDirectory = dataDirectoryOf(data, environment, isRoot);
  const parts = { dataDirectory, random: systemRandom, log: silentLog };
  const s3 = s3SettingsOf(environment);
  if (s3 !== undefined) trustOwnAuthority(environment);
  if (verb === 'restore') {
    const bucket = s3 === undefined ? undefined : new BucketStore(new Bucket(s3, systemClock));
    const done = await restore({ ...parts, databaseUrl: databaseUrlOf(environment), bucket, from: named('--from', from) });
    return json === true ? `${JSON.stringify(done)}\n` : `restored ${done.objects} objects (${done.bytes} bytes) and the database of ${done.takenAt} into ${dataDirectory}; start the coordinator\n`;
  }
  const wish = { ...parts, to: named('--to', to), store: s3 === undefined ? ('directory' as const) : ('bucket' as const), clock: systemClock };
  const done = await backUp({ ...wish, address: databaseOf(data, environment, isRoot) });
  return json === true ? `${JSON.stringify(done)}\n` : `${done.path}: the database, and ${done.objects} objects (${done.bytes} bytes), of which ${done.newObjects} (${done.newBytes} bytes) are new in it\n`;
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: { to: { type: 'string' }, from: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else' });
  }
}

function named(option: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Fault('COORDINATOR_OPTIONS', { subject: option, expected: 'a folder' });
  return value;
}
