import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { Fault, type DesktopId } from '@godwit/base';
import type { AnswerOf, Move, MoveReport, QueryOf, Routes } from '@godwit/wire';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { requireCurrent } from '../leases/lease.transitions.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { databaseToken } from '../tokens.ts';
import { mergeReport } from './merge-report.ts';
import { hasState, readMoves } from './move-rows.ts';

/** Moves kept of one desktop; the oldest go first. */
export const movesPerDesktop = 200;
/** And none that began longer ago. */
const movesKeepDays = 90;
const pageMax = 200;

/** Takes what hosts tell of their moves, and shows it. Nothing is decided by it. */
@Injectable()
export class MovesService {
  readonly #db: Database;
  readonly #news: OperatorsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(OperatorsHub) news: OperatorsHub) {
    this.#db = db;
    this.#news = news;
  }

  /** `ended`: with this word, not with one before. Throws DESKTOP_NOT_FOUND, also for a foreign one, and EPOCH_FENCED for a move that is not the caller's to tell of. */
  async report(caller: Caller, desktopId: DesktopId, report: MoveReport): Promise<{ readonly ended: boolean }> {
    const { isNews, ended } = await inTransaction(this.#db, (trx) => keep(trx, caller, desktopId, report));
    if (!isNews || !this.#news.anyListener) return { ended };
    const [move] = await readMoves(this.#db, isMove(caller, desktopId, report.moveId), 1);
    if (move !== undefined) this.#news.publish({ type: 'move', move });
    if (report.state === 'running') return { ended };
    this.#news.publish({ type: 'desktop-changed', accountId: caller.accountId, desktopId });
    this.#news.publish({ type: 'attention-changed' });
    return { ended };
  }

  async list({ moveId, desktopId, state, before }: QueryOf<Routes['listMoves']>): Promise<AnswerOf<Routes['listMoves']>> {
    const parts = [sql<boolean>`true`];
    if (moveId !== undefined) parts.push(sql`mv.move_id = ${moveId}`);
    if (desktopId !== undefined) parts.push(sql`mv.desktop_id = ${desktopId}`);
    if (state !== undefined) parts.push(hasState(state));
    const all = joined(parts);
    const page = before === undefined ? all : joined([all, sql`mv.started_at < to_timestamp(${Number(before)}::float8 / 1000)`]);
    const { rows: [counted] } = await reached(() => sql<{ total: number }>`select count(*) as total from moves mv where ${all}`.execute(this.#db));
    return { moves: await readMoves(this.#db, page, pageMax), total: counted?.total ?? 0 };
  }

  /** Forgets what is too old; part of the coordinator's upkeep. How many moves that were. */
  async forgetOld(): Promise<number> {
    const { rows } = await reached(() => sql<{ gone: number }>`
      with gone as (delete from moves where started_at < now() - make_interval(days => ${movesKeepDays}) returning 1) select count(*) as gone from gone`.execute(this.#db));
    return rows[0]?.gone ?? 0;
  }
}

const joined = (parts: readonly RawBuilder<boolean>[]): RawBuilder<boolean> => sql.join<boolean>(parts, sql` and `);

function isMove({ accountId }: Caller, desktopId: DesktopId, moveId: Move['moveId']): RawBuilder<boolean> {
  return sql`mv.account_id = ${accountId} and mv.desktop_id = ${desktopId} and mv.move_id = ${moveId}`;
}

/** `isNews` is false of a late word about what has ended. */
async function keep(trx: Trx, caller: Caller, desktopId: DesktopId, { moveId, epoch, ...report }: MoveReport): Promise<{ readonly isNews: boolean; readonly ended: boolean }> {
  const { accountId, hostId } = caller;
  await requireCurrent(trx, caller);
  const desktop = await trx.selectFrom('desktops').select(['holder_id', 'epoch']).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).executeTakeFirst();
  if (desktop === undefined) throw new Fault('DESKTOP_NOT_FOUND');
  const { rows: [before] } = await sql<{ host_id: string; epoch: number; told: MoveReport }>`
    select mv.host_id, mv.epoch, mv.told from moves mv where ${isMove(caller, desktopId, moveId)} for no key update`.execute(trx);
  // A move that the host began to tell of when the epoch was its own it may end, also after another host has the desktop.
  const isOwn = before === undefined ? desktop.holder_id === hostId && desktop.epoch === epoch : before.host_id === hostId && before.epoch === epoch;
  if (!isOwn) throw new Fault('EPOCH_FENCED', { expected: 'the host that has or had this epoch', found: `epoch ${desktop.epoch}` });
  const { told, advanced } = mergeReport(before?.told, report);
  if (told === before?.told || told.state === 'lost') return { isNews: false, ended: false };
  await sql`
    insert into moves (account_id, desktop_id, move_id, host_id, epoch, kind, state, sequence, told)
    values (${accountId}, ${desktopId}, ${moveId}, ${hostId}, ${epoch}, ${told.kind}, ${told.state}, ${told.sequence}, ${JSON.stringify(told)})
    on conflict (account_id, desktop_id, move_id) do update
    set kind = excluded.kind, state = excluded.state, sequence = excluded.sequence, told = excluded.told, told_at = clock_timestamp(),
      advanced_at = case when ${advanced} then clock_timestamp() else moves.advanced_at end
    where moves.host_id = excluded.host_id`.execute(trx);
  if (before === undefined) await makeRoom(trx, caller, desktopId);
  return { isNews: true, ended: told.state !== 'running' && told.state !== before?.told.state };
}

async function makeRoom(trx: Trx, { accountId }: Caller, desktopId: DesktopId): Promise<void> {
  await sql`
    delete from moves where account_id = ${accountId} and desktop_id = ${desktopId} and started_at < (
      select started_at from moves where account_id = ${accountId} and desktop_id = ${desktopId} order by started_at desc offset ${movesPerDesktop - 1} limit 1)`.execute(trx);
}
