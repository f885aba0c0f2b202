import { sql } from 'kysely';
import { Fault, type Random } from '@godwit/base';
import { logKeyFromSeed, type Secret } from '@godwit/crypto';
import { reached, type Database } from './database/database.ts';

/** What this coordinator says of itself; the same for all replicas on one database. */
export class Coordinator {
  /** Requests are signed for it (libs/crypto), so that one made for another coordinator is worth nothing here. */
  readonly audience: string;
  readonly version: string;
  /** Signs the heads of the audit log. Hosts learn the public half once, with the audience. */
  readonly logKey: LogKey;

  constructor(audience: string, version: string, logKey: LogKey) {
    this.audience = audience;
    this.version = version;
    this.logKey = logKey;
  }
}

export interface LogKey {
  readonly signPublic: Buffer;
  readonly signSecret: Secret;
}

const seedBytes = 32;

export const coordinatorVersion = '0.1.0';

/** The name and the log key that the first coordinator on this database gave it. */
export async function identifyCoordinator(db: Database, random: Random): Promise<Coordinator> {
  const drawn = `coordinator-${random(16).toString('hex')}`;
  return reached(async () => {
    await sql`insert into coordinator (only_row, audience) values (true, ${drawn}) on conflict do nothing`.execute(db);
    await db.updateTable('coordinator').set({ log_seed: random(seedBytes) }).where('log_seed', 'is', null).execute();
    const { audience, log_seed: seed } = await db.selectFrom('coordinator').select(['audience', 'log_seed']).executeTakeFirstOrThrow();
    if (seed === null) throw new Fault('INTERNAL', { expected: 'the log key that was just made' });
    return new Coordinator(audience, coordinatorVersion, logKeyFromSeed(seed));
  });
}
