import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { House } from '../house/house.ts';

/** The coordinator's own database, for what would take a year or ten thousand laptops to come about by itself. */

/** Runs statements in one transaction and gives what they print, fields parted by `|`. Throws what PostgreSQL said. */
export function runSql(house: House, statements: string): string {
  const sockets = join(house.directory, 'c', 'run');
  if (!existsSync(sockets)) throw new Error(`no database in ${sockets}`);
  const { status, stdout, stderr } = spawnSync('psql', ['-h', sockets, '-U', 'godwit', '-d', 'postgres', '-X', '-q', '-t', '-A', '-1', '-v', 'ON_ERROR_STOP=1', '-f', '-'], { input: statements, encoding: 'utf8' });
  if (status !== 0) throw new Error(`psql: ${stderr}`);
  return stdout.trim();
}
