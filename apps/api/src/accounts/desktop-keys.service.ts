import { Inject, Injectable } from '@nestjs/common';
import { Fault, type DesktopId } from '@godwit/base';
import { replayChain, sha256 } from '@godwit/crypto';
import { bytesOf, wrappedKeysLimit, type BodyOf, type Routes } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { inTransaction, type Database, type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { lockLease, requireCurrent } from '../leases/lease.transitions.ts';
import { databaseToken } from '../tokens.ts';
import { readEntries } from './chain.transitions.ts';

type KeepKeyBody = BodyOf<Routes['keepDesktopKey']>;

/** The wrapped keys of a desktop: one per generation. A generation's first wrapping counts; another replaces it only by naming it. */
@Injectable()
export class DesktopKeysService {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  async keep(caller: Caller, desktopId: DesktopId, body: KeepKeyBody): Promise<void> {
    await inTransaction(this.#db, (trx) => keepKey(trx, caller, desktopId, body));
  }
}

async function keepKey(trx: Trx, caller: Caller, desktopId: DesktopId, { wrappedKey, replaces }: KeepKeyBody): Promise<void> {
  const { accountId, hostId } = caller;
  await requireCurrent(trx, caller);
  await lockLease(trx, accountId, desktopId);
  const { generation: newest } = replayChain(await readEntries(trx, accountId));
  const { generation } = wrappedKey;
  if (generation > newest) throw new Fault('REQUEST_INVALID', { subject: 'body.wrappedKey', expected: `a generation up to ${newest}`, found: `${generation}` });
  const bytes = bytesOf(wrappedKey.bytes);
  const rows = await trx.selectFrom('wrapped_keys').select(['generation', 'bytes']).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).execute();
  const found = rows.find((row) => row.generation === generation)?.bytes;
  if (found?.equals(bytes) === true) return;
  const expected = replaces === null ? undefined : bytesOf(replaces);
  if (found === undefined ? expected !== undefined : expected?.equals(sha256(found)) !== true) throw new Fault('WRAPPED_KEY_EXISTS', { found: found === undefined ? 'none' : `generation ${generation}` });
  if (found === undefined && rows.length >= wrappedKeysLimit) throw new Fault('REQUEST_INVALID', { subject: 'body.wrappedKey', expected: `at most ${wrappedKeysLimit} generations of a desktop` });
  await trx
    .insertInto('wrapped_keys')
    .values({ account_id: accountId, desktop_id: desktopId, generation, bytes })
    .onConflict((on) => on.columns(['account_id', 'desktop_id', 'generation']).doUpdateSet({ bytes }))
    .execute();
  await record(trx, { accountId, kind: found === undefined ? 'desktop-key-added' : 'desktop-key-wrapped-again', hostId, desktopId, detail: { generation }, leaf: { sequence: generation, digest: sha256(bytes) } });
}
