import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Fault, type AccountId, type DesktopId } from '@godwit/base';
import type { AnswerOf, DesktopDetail, QueryOf, Routes } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { readMoves } from '../moves/move-rows.ts';
import { databaseToken } from '../tokens.ts';
import { readEvents, readForks, readNodes } from './desktop-history.ts';
import { listDesktops, readDesktopRow } from './desktop-list.ts';

const movesMax = 200;

/** Desktops of all accounts, for operators: who holds what, how safe it is, and how it came to be. Nothing that a key would open. */
@Injectable()
export class OperatorDesktopsService {
  readonly #db: Database;
  readonly #hub: EventsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(EventsHub) hub: EventsHub) {
    this.#db = db;
    this.#hub = hub;
  }

  list(query: QueryOf<Routes['listAllDesktops']>): Promise<AnswerOf<Routes['listAllDesktops']>> {
    return listDesktops(this.#db, this.#hub.streaming(), { ...query, from: Number(query.from ?? 0) });
  }

  async detail(accountId: AccountId, desktopId: DesktopId): Promise<DesktopDetail> {
    return reached(async () => {
      const desktop = await readDesktopRow(this.#db, this.#hub.streaming(), accountId, desktopId);
      if (desktop === undefined) throw new Fault('DESKTOP_NOT_FOUND');
      const [checkpoints, moves, events, forks] = await Promise.all([
        readNodes(this.#db, accountId, desktopId),
        readMoves(this.#db, sql`mv.account_id = ${accountId} and mv.desktop_id = ${desktopId}`, movesMax),
        readEvents(this.#db, accountId, desktopId),
        readForks(this.#db, accountId, desktopId),
      ]);
      return { desktop, ...forks, checkpoints, moves, events };
    });
  }
}
