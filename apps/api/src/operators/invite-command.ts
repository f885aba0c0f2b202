import { parseArgs } from 'node:util';
import { Fault, silentLog, systemRandom } from '@godwit/base';
import { operatorName, roles, type Role } from '@godwit/wire';
import { inTransaction, openDatabase, type Database, type DatabaseAddress } from '../database/database.ts';
import { databaseOf } from '../postgres/running.ts';
import { recordAct } from './acts.ts';
import { inviteByName } from './invites.ts';

/** `godwit-coordinator invite`: a one-time code for whoever has the machine, while its coordinator runs. */

interface Asked {
  readonly help: boolean;
  readonly json: boolean;
  readonly role: Role | undefined;
  readonly name: string;
  readonly address: () => DatabaseAddress;
}

export const inviteUsage = `usage: godwit-coordinator invite --name NAME [--role viewer|operator|admin] [--data DIR] [--json]

  Prints a code with which NAME makes a passkey for the dashboard; it is good once and for 24 hours. Where NAME
  is an operator already it is for another passkey, and the role stays. Run it on the coordinator's machine, as its
  user, while it runs.

  --name NAME   who is invited
  --role ROLE   of a new operator: viewer, operator or admin (default admin)
  --data DIR    where the coordinator keeps everything (default: as for the coordinator itself)
  --json        print the code as JSON
`;

/** What is to be printed. Throws COORDINATOR_OPTIONS, DATABASE_UNAVAILABLE, DATA_DIRECTORY_REFUSED, REQUEST_INVALID. */
export async function invite(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Promise<string> {
  const asked = parse(words, environment, isRoot);
  if (asked.help) return inviteUsage;
  const db = openDatabase(asked.address(), silentLog);
  try {
    const origin = await readOrigin(db);
    const { code, expiresMs, role, another } = await inTransaction(db, async (trx) => {
      const made = await inviteByName(trx, systemRandom, asked.name, asked.role);
      await recordAct(trx, null, 'operator-invited', { subject: asked.name, detail: { role: made.role } });
      return made;
    });
    const url = enrolUrl(origin);
    if (asked.json) return `${JSON.stringify({ url, code, expiresMs, name: asked.name, role, another })}\n`;
    return `${another ? 'another passkey' : 'a passkey'} for ${asked.name} (${role}): open ${url} and type ${code} within 24 hours\n`;
  } finally {
    await db.destroy();
  }
}

export function enrolUrl(origin: string): string {
  return `${origin}/dashboard/enrol`;
}

function parse(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Asked {
  const { name = '', role, data, help = false, json = false } = values(words);
  const known = roles.find((each) => each === role);
  if (role !== undefined && known === undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: '--role', expected: roles.join(', '), found: role });
  if (!help && !operatorName.safeParse(name).success) throw new Fault('COORDINATOR_OPTIONS', { subject: '--name', expected: '1 to 64 characters that can be printed', found: name });
  return { help, json, role: known, name, address: () => databaseOf(data, environment, isRoot) };
}

function values(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: { name: { type: 'string' }, role: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else' });
  }
}

async function readOrigin(db: Database): Promise<string> {
  const row = await inTransaction(db, (trx) => trx.selectFrom('coordinator').select('origin').executeTakeFirst());
  if (row === undefined || row.origin === null) throw new Fault('DATABASE_UNAVAILABLE', { expected: 'a coordinator that has started on it', found: 'none' });
  return row.origin;
}
