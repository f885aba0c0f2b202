import { sql } from 'kysely';
import { Fault, newId, type AnyId, type Clock, type Log, type Random } from '@godwit/base';
import { reached, type Database, type Queries, type Trx } from '../database/database.ts';
import type { Bus, RenewalAsked, Words } from '../replicas/bus.ts';
import { Renewals, type DesktopPlace, type OtherMemories } from './renewals.ts';

/** How long the others may take to say what they remember: they answer from memory. */
const answerMs = 1_500;
const lookMs = 5_000;

/**
 * Which memories of renewals count, in the database's one row about the coordinator (docs/decisions/0021): the list of their names, and how
 * many have been taken out of it. A replica accepts renewals of strict desktops while its memory's name is in the list; whoever takes a name
 * out counts that, and whoever sees a higher count than before treats everything as renewed just then.
 */
export interface Keepers {
  readonly keepers: readonly string[];
  readonly ended: number;
}

export async function readKeepers(db: Queries): Promise<Keepers> {
  const row = await db.selectFrom('coordinator').select(['lease_keepers', 'lease_keepers_ended']).executeTakeFirstOrThrow();
  return { keepers: row.lease_keepers, ended: row.lease_keepers_ended };
}

/** Until the transaction ends no name comes or goes. The other memories that count; LEASES_KEPT_ELSEWHERE where this one does not. */
export async function requireKeeper(trx: Trx, renewals: Renewals): Promise<string[]> {
  const row = await trx.selectFrom('coordinator').select(['lease_keepers', 'lease_keepers_ended']).forShare().executeTakeFirst();
  if (row?.lease_keepers.includes(renewals.keeper) !== true) throw new Fault('LEASES_KEPT_ELSEWHERE');
  renewals.rearm(row.lease_keepers_ended);
  return row.lease_keepers.filter((keeper) => keeper !== renewals.keeper);
}

interface Parts {
  readonly db: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Asking {
  readonly left: Set<string>;
  /** The latest that was told, on this process's boot clock. */
  heardMs: number;
  readonly done: () => void;
}

/** Keeps this replica's memory in the list, takes those of replicas that are gone out of it, and asks the others what they remember. */
export class LeaseKeepers implements OtherMemories {
  readonly renewals: Renewals;
  readonly #db: Database;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #asked = new Map<string, Asking>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  /** Names whose replicas were silent at the last look. */
  #silent: ReadonlySet<string> = new Set();

  /** With nobody else its memory is the only one that counts from now on. */
  static async begin(parts: Parts): Promise<LeaseKeepers> {
    const keeper = nameOf(parts.bus, parts.random);
    const keepers = await (parts.bus.isShared ? join(parts.db, keeper) : replaceAll(parts.db, keeper));
    return new LeaseKeepers(parts, keeper, keepers.ended);
  }

  private constructor({ db, bus, clock, random, log }: Parts, keeper: string, ended: number) {
    [this.#db, this.#bus, this.#clock, this.#random, this.#log] = [db, bus, clock, random, log];
    this.renewals = new Renewals(clock, keeper, ended, this);
    bus.hear('renewal-asked', (asked) => this.#answer(asked));
    bus.hear('renewal-told', (told) => this.#take(told));
    if (bus.isShared) this.#timer = setInterval(() => this.look(), lookMs);
  }

  async heardMs(keepers: readonly string[], { accountId, desktopId }: DesktopPlace, epoch: number, dispute: boolean): Promise<number> {
    if (keepers.length === 0) return -Infinity;
    const askId = newId<AnyId>(this.#random);
    const all = Promise.withResolvers<undefined>();
    const asking: Asking = { left: new Set(keepers), heardMs: -Infinity, done: () => all.resolve(undefined) };
    this.#asked.set(askId, asking);
    const timer = setTimeout(asking.done, answerMs);
    this.#bus.tell('renewal-asked', { askId, accountId, desktopId, epoch, ended: this.renewals.ended, dispute });
    await all.promise;
    clearTimeout(timer);
    this.#asked.delete(askId);
    // Whoever is silent may have accepted a renewal just now.
    return asking.left.size > 0 ? this.#clock.bootMs() : asking.heardMs;
  }

  /** Ends its memory: the others begin theirs anew. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    if (!this.#bus.isShared) return;
    await this.#end([this.renewals.keeper]).catch((error: unknown) => this.#log.warn('leases.keeper', { error }));
  }

  /** Its own name is there, unless somebody took it out; those of replicas that are gone are not. */
  look(): void {
    this.#looking = this.#looking.then(() => this.#look()).catch((error: unknown) => this.#log.warn('leases.keeper', { error }));
  }

  async #look(): Promise<void> {
    const { keepers, ended } = await reached(() => readKeepers(this.#db));
    this.renewals.rearm(ended);
    if (!this.#bus.hearsAll) return;
    const silent = keepers.filter((keeper) => !this.#isHeard(replicaOf(keeper)));
    // Twice in a row: one that joins writes its name and is heard at about the same time.
    const gone = silent.filter((keeper) => this.#silent.has(keeper));
    this.#silent = new Set(silent);
    if (gone.length > 0) await this.#end(gone);
    if (!keepers.includes(this.renewals.keeper)) await this.#beginAgain();
  }

  /** The others thought that it was gone: it accepted nothing since, and what it knew before counts as renewed with all that they know. */
  async #beginAgain(): Promise<void> {
    const keeper = nameOf(this.#bus, this.#random);
    const { ended } = await join(this.#db, keeper);
    this.renewals.begin(keeper, ended);
    this.#log.warn('leases.keeper-again', { keeper });
  }

  #isHeard(replica: string): boolean {
    return replica === this.#bus.replica || this.#bus.others.has(replica);
  }

  async #end(keepers: readonly string[]): Promise<void> {
    await reached(() => sql`
      update coordinator set lease_keepers_ended = lease_keepers_ended + 1,
        lease_keepers = array(select k from unnest(lease_keepers) k where k <> all(${keepers}::text[]))
      where lease_keepers && ${keepers}::text[]`.execute(this.#db));
    this.#log.info('leases.keepers-ended', { keepers: keepers.length });
  }

  /** In one step: what is accepted from now on is accepted under the lock, which whoever asks holds. */
  #answer({ askId, accountId, desktopId, epoch, ended, dispute }: RenewalAsked): void {
    this.renewals.rearm(Math.max(ended, this.renewals.ended));
    const place = { accountId, desktopId };
    if (dispute) this.renewals.dispute(place);
    const agoMs = this.renewals.nowMs() - this.renewals.renewedMs(place, epoch);
    this.#bus.tell('renewal-told', { askId, keeper: this.renewals.keeper, agoMs });
  }

  #take({ askId, keeper, agoMs }: Words['renewal-told']): void {
    const asking = this.#asked.get(askId);
    if (asking?.left.delete(keeper) !== true) return;
    // It was so long ago when it was said: by now it is longer.
    asking.heardMs = Math.max(asking.heardMs, this.#clock.bootMs() - agoMs);
    if (asking.left.size === 0) asking.done();
  }
}

/** A memory's name begins with its replica's. */
function nameOf({ replica }: Bus, random: Random): string {
  return `${replica}.${random(8).toString('hex')}`;
}

function replicaOf(keeper: string): string {
  return keeper.split('.', 1)[0]!;
}

async function join(db: Database, keeper: string): Promise<Keepers> {
  return changed(db, sql`lease_keepers = lease_keepers || ${keeper}::text`);
}

async function replaceAll(db: Database, keeper: string): Promise<Keepers> {
  return changed(db, sql`lease_keepers = array[${keeper}::text], lease_keepers_ended = lease_keepers_ended + 1`);
}

async function changed(db: Database, change: ReturnType<typeof sql>): Promise<Keepers> {
  const { rows: [row] } = await reached(() => sql<{ lease_keepers: string[]; lease_keepers_ended: number }>`
    update coordinator set lease_keeper = null, ${change} returning lease_keepers, lease_keepers_ended`.execute(db));
  if (row === undefined) throw new Fault('INTERNAL', { expected: 'the row of the coordinator' });
  return { keepers: row.lease_keepers, ended: row.lease_keepers_ended };
}
