import { parseArgs } from 'node:util';
import { Fault, silentLog, type AccountId } from '@godwit/base';
import { accountId as accountIdText, noBytesQuota, type AccountQuotas, type OwnQuotas } from '@godwit/wire';
import { inTransaction, openDatabase, reached, type Database, type DatabaseAddress } from '../database/database.ts';
import { databaseOf } from '../postgres/running.ts';
import { parseQuotaList, spellBytes } from './quota-list.ts';
import { giveQuotas } from './quotas.service.ts';
import { readQuotas } from './quotas.ts';

/** `godwit-coordinator quota`: what accounts use and may have, while the coordinator runs. */

const accountsMax = 100;

export const quotaUsage = `usage: godwit-coordinator quota [--account ID] [--set desktops=N,bytes=SIZE,moves=N] [--data DIR] [--json]

  Says how much each account has and does, and how much it may: the ${accountsMax} with the most bytes in the store, or the one
  that is named. Run it on the coordinator's machine, as its user, while it runs.

  --account ID  the account, as the dashboard shows it
  --set LIST    what this account may from now on: desktops=N, bytes=SIZE (KiB, MiB, GiB, TiB, or none), moves=N an hour;
                the word default takes it back to what the coordinator was started with; what is not named stays
  --data DIR    where the coordinator keeps everything (default: as for the coordinator itself)
  --json        print one line of JSON for each account
`;

interface Asked {
  readonly help: boolean;
  readonly json: boolean;
  readonly accountId: AccountId | undefined;
  readonly wish: Partial<OwnQuotas> | undefined;
  readonly address: () => DatabaseAddress;
}

interface Shown extends AccountQuotas {
  readonly accountId: AccountId;
}

/** What is to be printed. Throws COORDINATOR_OPTIONS, ACCOUNT_NOT_FOUND, DATABASE_UNAVAILABLE. */
export async function quotaCommand(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Promise<string> {
  const { help, json, accountId, wish, address } = parse(words, environment, isRoot);
  if (help) return quotaUsage;
  const db = openDatabase(address(), silentLog);
  try {
    const shown = accountId === undefined ? await largest(db) : [wish === undefined ? await look(db, accountId) : await change(db, accountId, wish)];
    return json ? shown.map((each) => `${JSON.stringify(each)}\n`).join('') : tableOf(shown);
  } finally {
    await db.destroy();
  }
}

function parse(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Asked {
  const { account, set, data, help = false, json = false } = values(words);
  const id = account === undefined ? undefined : accountIdText.safeParse(account);
  if (id?.success === false) throw new Fault('COORDINATOR_OPTIONS', { subject: '--account', expected: '32 hexadecimal digits', found: account ?? '' });
  if (set !== undefined && id === undefined && !help) throw new Fault('COORDINATOR_OPTIONS', { subject: '--set', expected: '--account beside it', found: 'none' });
  return {
    help, json, accountId: id?.data, wish: set === undefined ? undefined : parseQuotaList('--set', set, true),
    address: () => databaseOf(data, environment, isRoot),
  };
}

function values(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: { account: { type: 'string' }, set: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else' });
  }
}

async function look(db: Database, accountId: AccountId): Promise<Shown> {
  return { accountId, ...(await reached(() => readQuotas(db, accountId))) };
}

async function change(db: Database, accountId: AccountId, wish: Partial<OwnQuotas>): Promise<Shown> {
  return await inTransaction(db, async (trx) => {
    const { own } = await readQuotas(trx, accountId);
    return { accountId, ...(await giveQuotas(trx, null, accountId, { ...own, ...wish })) };
  });
}

async function largest(db: Database): Promise<Shown[]> {
  const rows = await reached(() => db.selectFrom('account_quotas').select('account_id').orderBy('used_bytes', 'desc').orderBy('account_id').limit(accountsMax).execute());
  return Promise.all(rows.map(({ account_id: accountId }) => look(db, accountId)));
}

function tableOf(shown: readonly Shown[]): string {
  const rows = [
    ['ACCOUNT', 'DESKTOPS', 'OF', 'BYTES', 'OF', 'MOVES', 'OF (AN HOUR)'],
    ...shown.map(({ accountId, quotas: { desktops, bytes, movesPerHour } }) => [accountId, ...[desktops.used, desktops.most].map(String), String(bytes.used), bytes.most === noBytesQuota ? 'none' : spellBytes(bytes.most), ...[movesPerHour.used, movesPerHour.most].map(String)]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()}\n`).join('');
}
