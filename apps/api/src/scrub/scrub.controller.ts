import { Controller, Inject } from '@nestjs/common';
import type { Scrub } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { readLease } from '../leases/lease.transitions.ts';
import { databaseToken } from '../tokens.ts';
import { readScrub } from './scrubber.ts';

@Controller()
export class ScrubController {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  @Serve('readScrub')
  async read(@Asked() { caller: { accountId }, params: { desktopId } }: Call<'readScrub'>): Promise<Scrub> {
    await reached(() => readLease(this.#db, accountId, desktopId));
    return reached(() => readScrub(this.#db, accountId, desktopId));
  }
}
