import type { AccountId, Clock, DesktopId } from '@godwit/base';

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
 * of the epoch before says that it has to look again, under the lock.
 */
export class Renewals {
  /** This memory's name: which one counts is in the database (lease-keeper.ts). */
  readonly keeper: string;
  readonly #clock: Clock;
  readonly #beganMs: number;
  /** By account and desktop, the least recent first. */
  readonly #last = new Map<string, Renewal>();

  constructor(clock: Clock, keeper: string) {
    this.keeper = keeper;
    this.#clock = clock;
    this.#beganMs = clock.bootMs();
  }

  /** The clock of all that is told here. */
  nowMs(): number {
    return this.#clock.bootMs();
  }

  renewedMs(place: DesktopPlace, epoch: number): number {
    const last = this.#last.get(keyOf(place));
    return last?.epoch === epoch ? last.atMs : this.#beganMs;
  }

  /** The row was read without its lock and says that `epoch` is current: renewed now. False: another epoch was noted, so look again with the lock, then `note`. */
  renew(place: DesktopPlace, epoch: number): boolean {
    const last = this.#last.get(keyOf(place));
    if (last !== undefined && last.epoch !== epoch) return false;
    this.note(place, epoch);
    return true;
  }

  /**
   * `epoch` is current, or will be when the transaction that has the row locked ends. If it is rolled back nothing is lost: what was known
   * of the epoch before was over, and its next renewal looks under the lock.
   */
  note(place: DesktopPlace, epoch: number): void {
    const nowMs = this.nowMs();
    const key = keyOf(place);
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

/** Two accounts may have desktops of one id. */
function keyOf({ accountId, desktopId }: DesktopPlace): string {
  return accountId + desktopId;
}
