import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import type { OfflineMode } from '@godwit/wire';
import { Batches } from '../database/batches.ts';
import type { Trx } from '../database/database.ts';
import { Statements, type Statement } from '../database/statements.ts';
import { Renewals } from './renewals.ts';

/** Who got a desktop's current epoch, and how. */
export interface HeldEpoch {
  readonly desktopId: DesktopId;
  readonly epoch: number;
  readonly held: boolean;
  readonly holder: HostId;
  readonly holderName: string;
  readonly offline: OfflineMode;
  /** Whether the memory of renewals that was asked for is one of those that count. */
  readonly kept: boolean;
}

/** Those of the desktops asked for that the account has, by id. */
export type HeldEpochs = ReadonlyMap<DesktopId, HeldEpoch>;

interface Question {
  readonly accountId: AccountId;
  readonly desktopIds: readonly DesktopId[];
}

interface Row {
  readonly account_id: AccountId;
  readonly desktop_id: DesktopId;
  readonly epoch: number;
  readonly held: boolean;
  readonly holder_id: HostId;
  readonly offline: OfflineMode;
  readonly name: string;
  readonly kept: boolean | null;
}

const batchMax = 64;

/** Reads who holds what, without a lock; what several hosts ask at the same time is one query. */
@Injectable()
export class Holdings {
  readonly #batches: Batches<Question, HeldEpochs>;

  constructor(@Inject(Statements) statements: Statements, @Inject(Renewals) renewals: Renewals) {
    this.#batches = new Batches((questions) => readAll(statements, renewals.keeper, questions), batchMax);
  }

  read(accountId: AccountId, desktopIds: readonly DesktopId[]): Promise<HeldEpochs> {
    return this.#batches.ask({ accountId, desktopIds });
  }
}

const read: Statement = {
  name: 'read-holdings',
  text: `
    select d.account_id, d.desktop_id, d.epoch, d.held, d.holder_id, d.offline, h.name, (select $3 = any(lease_keepers) from coordinator) as kept
    from unnest($1::uuid[], $2::uuid[]) as asked (account_id, desktop_id)
    join desktops d on d.account_id = asked.account_id and d.desktop_id = asked.desktop_id join hosts h on h.host_id = d.holder_id`,
};

async function readAll(statements: Statements, keeper: string, questions: readonly Question[]): Promise<HeldEpochs[]> {
  const pairs = questions.flatMap(({ accountId, desktopIds }) => desktopIds.map((desktopId) => [accountId, desktopId] as const));
  const rows = await statements.run<Row>(read, [pairs.map(([accountId]) => accountId), pairs.map(([, desktopId]) => desktopId), keeper]);
  // Two accounts may have desktops of one id: each is shown its own.
  const found = new Map<string, HeldEpoch>(rows.map((row) => [row.account_id + row.desktop_id, heldEpochOf(row)]));
  return questions.map(({ accountId, desktopIds }) => new Map(desktopIds.flatMap((desktopId) => {
    const held = found.get(accountId + desktopId);
    return held === undefined ? [] : [[desktopId, held]];
  })));
}

/** The same for one desktop, which nobody else changes until the transaction ends. */
export async function lockHolding(trx: Trx, keeper: string, accountId: AccountId, desktopId: DesktopId): Promise<HeldEpoch | undefined> {
  const row = await trx
    .selectFrom('desktops')
    .innerJoin('hosts', 'hosts.host_id', 'desktops.holder_id')
    .select(['desktops.account_id', 'desktops.desktop_id', 'desktops.epoch', 'desktops.held', 'desktops.holder_id', 'desktops.offline', 'hosts.name'])
    .select(sql<boolean | null>`(select ${keeper} = any(lease_keepers) from coordinator)`.as('kept'))
    .where('desktops.account_id', '=', accountId)
    .where('desktops.desktop_id', '=', desktopId)
    .forNoKeyUpdate('desktops')
    .executeTakeFirst();
  return row === undefined ? undefined : heldEpochOf(row);
}

function heldEpochOf(row: Row): HeldEpoch {
  return { desktopId: row.desktop_id, epoch: row.epoch, held: row.held, holder: row.holder_id, holderName: row.name, offline: row.offline, kept: row.kept === true };
}
