import type { AccountId, Clock, DesktopId } from '@godwit/base';

/** What other replicas remember; the one that is alone has none to ask. */
export interface OtherMemories {
  /**
   * When the last of the memories named heard of the epoch, on this process's boot clock; one that does not answer counts as just now. With
   * `dispute` each of them looks under the lock before it accepts another renewal of it.
   */
  heardMs(keepers: readonly string[], place: DesktopPlace, epoch: number, dispute: boolean): Promise<number>;
}

export interface DesktopPlace {
  readonly accountId: AccountId;
  readonly desktopId: DesktopId;
}

interface Renewal {
  readonly epoch: number;
  readonly atMs: number;
}

/** What is older is forgotten: it is over by any term, and no question that is still under way was asked before it. */
const keepMs = 600_000;

/**
 * When strict leases were last renewed, on this process's boot clock and in its memory only (docs/decisions/0011). What it does not
 * remember counts as renewed when it began: after a restart every lease has its whole term again.
 *
 * A renewal looks at the desktop's row without a lock. That it never comes in between the judgement of a take-over and its commit is
 * seen to here: whoever ends an epoch says so with `note`, under the row's lock and in one step with its judgement; from then on `renew`
 * of the epoch before says that it has to look again, under the lock. Where a replica lets a desktop be taken over it asks the others
 * (lease-keepers.ts), and from then on they say so too: `dispute`.
 */
export class Renewals {
  readonly others: OtherMemories;
  readonly #clock: Clock;
  #keeper: string;
  #beganMs: number;
  #ended: number;
  /** By account and desktop, the least recent first. */
  readonly #last = new Map<string, Renewal>();
  /** Since when the next renewal of it has to look under the lock, the oldest first. */
  readonly #disputed = new Map<string, number>();

  constructor(clock: Clock, keeper: string, ended = 0, others: OtherMemories = nobodyElse) {
    [this.#clock, this.#keeper, this.#ended, this.others] = [clock, keeper, ended, others];
    this.#beganMs = clock.bootMs();
  }

  /** This memory's name: which ones count is in the database (lease-keepers.ts). */
  get keeper(): string {
    return this.#keeper;
  }

  /** How many memories had ended when this one last looked. */
  get ended(): number {
    return this.#ended;
  }

  /** A new memory, which remembers nothing. */
  begin(keeper: string, ended: number): void {
    [this.#keeper, this.#ended, this.#beganMs] = [keeper, ended, this.nowMs()];
    this.#last.clear();
    this.#disputed.clear();
  }

  /** So many memories have ended so far. What one that ended since the last look knew counts as renewed now. */
  rearm(ended: number): void {
    if (ended === this.#ended) return;
    [this.#ended, this.#beganMs] = [ended, this.nowMs()];
  }

  /** The clock of all that is told here. */
  nowMs(): number {
    return this.#clock.bootMs();
  }

  renewedMs(place: DesktopPlace, epoch: number): number {
    const last = this.#last.get(keyOf(place));
    return last?.epoch === epoch ? Math.max(last.atMs, this.#beganMs) : this.#beganMs;
  }

  /** The row was read without its lock and says that `epoch` is current: renewed now. False: another epoch was noted, so look again with the lock, then `note`. */
  renew(place: DesktopPlace, epoch: number): boolean {
    const last = this.#last.get(keyOf(place));
    if (this.#disputed.has(keyOf(place)) || (last !== undefined && last.epoch !== epoch)) return false;
    this.note(place, epoch);
    return true;
  }

  /** Another replica is about to end the current epoch, under the row's lock: until `note` no renewal is accepted without it. */
  dispute(place: DesktopPlace): void {
    const nowMs = this.nowMs();
    this.#disputed.delete(keyOf(place));
    this.#disputed.set(keyOf(place), nowMs);
    for (const [oldest, sinceMs] of this.#disputed) {
      if (nowMs - sinceMs <= keepMs) break;
      this.#disputed.delete(oldest);
    }
  }

  /**
   * `epoch` is current, or will be when the transaction that has the row locked ends. If it is rolled back nothing is lost: what was known
   * of the epoch before was over, and its next renewal looks under the lock.
   */
  note(place: DesktopPlace, epoch: number): void {
    const nowMs = this.nowMs();
    const key = keyOf(place);
    this.#disputed.delete(key);
    this.#last.delete(key);
    this.#last.set(key, { epoch, atMs: nowMs });
    for (const [oldest, { atMs }] of this.#last) {
      if (nowMs - atMs <= keepMs) break;
      this.#last.delete(oldest);
    }
  }

  /** How many desktops are remembered. */
  get size(): number {
    return this.#last.size;
  }
}

const nobodyElse: OtherMemories = { heardMs: () => Promise.resolve(-Infinity) };

/** Two accounts may have desktops of one id. */
function keyOf({ accountId, desktopId }: DesktopPlace): string {
  return accountId + desktopId;
}
