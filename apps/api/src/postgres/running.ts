import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '@godwit/base';
import type { DatabaseAddress } from '../database/database.ts';
import { dataDirectoryOf, databaseUrlOf } from '../options.ts';
import { databaseName, databaseUser } from './cluster.ts';

/** The database of the coordinator that whoever has its machine asks about: by `--data` and the environment, as for the coordinator itself. Throws as {@link runningAddress}. */
export function databaseOf(data: string | undefined, environment: NodeJS.ProcessEnv, isRoot: boolean): DatabaseAddress {
  const url = databaseUrlOf(environment);
  return url === undefined ? runningAddress(dataDirectoryOf(data, environment, isRoot)) : { url };
}

/**
 * Where the private database of the coordinator that runs on a data directory is to be found. The fifth line of a running server's `postmaster.pid` is the
 * folder of its socket (PostgreSQL manual, "Database File Layout"). Throws DATABASE_UNAVAILABLE, DATA_DIRECTORY_REFUSED.
 */
function runningAddress(dataDirectory: string): DatabaseAddress {
  const path = join(dataDirectory, 'postgres', 'postmaster.pid');
  try {
    const socketDirectory = readFileSync(path, 'utf8').split('\n')[4] ?? '';
    if (!socketDirectory.startsWith('/')) throw new Fault('DATABASE_UNAVAILABLE', { subject: path, expected: 'the folder of a socket', found: socketDirectory });
    return { socketDirectory, user: databaseUser, database: databaseName };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Fault('DATABASE_UNAVAILABLE', { subject: dataDirectory, expected: 'a coordinator that runs', found: 'none', hint: 'start the coordinator first; with another --data, name the same here' });
    if (code === 'EACCES') throw new Fault('DATA_DIRECTORY_REFUSED', { subject: path, expected: 'a file that this user may read', found: code, hint: 'run it as the user of the coordinator, or as root' });
    throw error;
  }
}
