import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Fault } from '@godwit/base';

/** Where Debian and Ubuntu keep the server programs: they are not on the PATH there. */
const debianDirectory = '/usr/lib/postgresql';
/** The oldest PostgreSQL whose SQL is used here. */
const oldestMajor = 15;

export interface PostgresPrograms {
  readonly postgres: string;
  readonly initdb: string;
}

/** The newest PostgreSQL of Debian's folder, else the one on `searchPath`. Throws POSTGRES_MISSING. */
export function findPostgres(searchPath = process.env['PATH'] ?? ''): PostgresPrograms {
  const folders = [...versionFolders(), ...searchPath.split(delimiter).filter((folder) => folder !== '')];
  for (const folder of folders) {
    const programs = { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
    if (isExecutable(programs.postgres) && isExecutable(programs.initdb)) return programs;
  }
  throw new Fault('POSTGRES_MISSING', { expected: `PostgreSQL ${oldestMajor} or newer in ${debianDirectory} or on the PATH` });
}

function versionFolders(): string[] {
  let names: string[];
  try {
    names = readdirSync(debianDirectory);
  } catch {
    return []; // not Debian: the PATH decides
  }
  return names
    .map(Number)
    .filter((major) => Number.isInteger(major) && major >= oldestMajor)
    .sort((a, b) => b - a)
    .map((major) => join(debianDirectory, String(major), 'bin'));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
