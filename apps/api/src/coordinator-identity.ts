import { sql } from 'kysely';
import type { Random } from '@godwit/base';
import { reached, type Database } from './database/database.ts';

/** What this coordinator says of itself; the same for all replicas on one database. */
export class Coordinator {
  /** Requests are signed for it (libs/crypto), so that one made for another coordinator is worth nothing here. */
  readonly audience: string;
  readonly version: string;

  constructor(audience: string, version: string) {
    this.audience = audience;
    this.version = version;
  }
}

export const coordinatorVersion = '0.1.0';

/** The name that the first coordinator on this database gave it. */
export async function identifyCoordinator(db: Database, random: Random): Promise<Coordinator> {
  const drawn = `coordinator-${random(16).toString('hex')}`;
  return reached(async () => {
    await sql`insert into coordinator (only_row, audience) values (true, ${drawn}) on conflict do nothing`.execute(db);
    const { audience } = await db.selectFrom('coordinator').select('audience').executeTakeFirstOrThrow();
    return new Coordinator(audience, coordinatorVersion);
  });
}
