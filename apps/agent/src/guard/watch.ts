import type { Clock, Log } from '@godwit/base';
import type { GuardDeed, Seen } from './guard-files.ts';
import { guardVerdict, type GuardTimes, type GuardVerdict } from './verdict.ts';

/** QEMU as its guard sees it. */
export interface Quarry {
  readonly running: boolean;
  /** QEMU has said that its guest stands still, and not that it runs again. */
  readonly standing: boolean;
  /** Resolves when the guest stands still by QEMU's own word, however long that takes; rejects when there is no QEMU any more. */
  pause(): Promise<void>;
  freeze(): void;
  kill(): void;
}

export interface WatchPorts {
  readonly times: GuardTimes;
  readonly clock: Clock;
  readonly quarry: Quarry;
  /** The newest deadline, null for the end of guarding; undefined where nothing valid is there or nothing comes in time. */
  readonly readDeadline: () => Promise<number | null | undefined>;
  /** Tells the agent. */
  readonly tell: (seen: Seen) => void;
  readonly log: Log;
  /** What a guard before this one has done to the same QEMU. */
  readonly found?: GuardDeed;
}

/** How long QEMU may take to pause the guest before its process is stopped. */
export const pauseLimitMs = 300;
/** Reading takes less, unless the guard or the machine stood still. */
const sleptMs = 1_000;
/** How long the agent may take for its first deadline. */
export const graceMs = 5_000;

/**
 * The guard's rules, one look at a time. A deadline that was once given counts until a newer one is read: what cannot be read changes nothing.
 * The guard never lets a guest go on; after a later deadline that is the agent's to do, when the guard has told that it follows it.
 */
export class Watch {
  readonly #ports: WatchPorts;
  readonly #beganMs: number;
  #deadlineMs: number | undefined;
  #deed: GuardDeed;
  /** QEMU was told to pause and has not said that it did. */
  #pausing = false;
  /** When the verdict became `pause`, on the working clock. */
  #pauseSinceMs: number | undefined;
  #told = '';

  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#beganMs = ports.clock.bootMs();
    this.#deed = ports.found === 'frozen' ? 'frozen' : 'none';
  }

  /** One look. False when there is nothing to guard any more. */
  async look(): Promise<boolean> {
    if (!this.#ports.quarry.running) return false;
    const read = await this.#read();
    if (read === null) return false;
    if (read !== undefined) this.#deadlineMs = read;
    const verdict = this.#verdict();
    if (verdict === 'kill') this.#kill();
    else if (verdict === 'pause') this.#pause();
    else this.#stand();
    this.#tell(verdict);
    return true;
  }

  async #read(): Promise<number | null | undefined> {
    const { clock, readDeadline } = this.#ports;
    const beganMs = clock.bootMs();
    const read = await readDeadline();
    // It slept in between, and what it read may be from before: nobody is killed for that.
    return clock.bootMs() - beganMs > sleptMs ? readDeadline() : read;
  }

  #verdict(): GuardVerdict {
    const { clock, times } = this.#ports;
    const nowMs = clock.bootMs();
    if (this.#deadlineMs === undefined) return nowMs < this.#beganMs + graceMs ? 'run' : 'kill';
    return guardVerdict(nowMs, this.#deadlineMs, times);
  }

  /** The lease holds: what was done stays done until the agent undoes it, and the next time everything is done anew. */
  #stand(): void {
    this.#pauseSinceMs = undefined;
    if (this.#deed === 'paused') this.#deed = 'none';
    // What a guard before this one has stopped has to stand still by QEMU's own word before the agent hears that it may go on.
    if (this.#deed === 'frozen' && !this.#pausing) void this.#askToPause();
  }

  #pause(): void {
    const { quarry, clock } = this.#ports;
    this.#pauseSinceMs ??= clock.workMs();
    // At each look: nobody may let it run in the meantime.
    if (this.#deed === 'frozen') quarry.freeze();
    else if (!this.#pausing && (this.#deed !== 'paused' || !quarry.standing)) void this.#askToPause();
    else if (this.#pausing && !quarry.standing && clock.workMs() >= this.#pauseSinceMs + pauseLimitMs) {
      quarry.freeze();
      this.#did('frozen');
    }
  }

  async #askToPause(): Promise<void> {
    this.#pausing = true;
    try {
      await this.#ports.quarry.pause();
      if (this.#deed !== 'killed') this.#did('paused');
    } catch (error) {
      this.#ports.log.info('not-paused', { error });
    } finally {
      this.#pausing = false;
    }
  }

  #kill(): void {
    this.#ports.quarry.kill();
    this.#did('killed');
  }

  #did(deed: GuardDeed): void {
    if (deed !== this.#deed) this.#ports.log.warn(`guest-${deed}`, { deadlineMs: this.#deadlineMs, bootMs: this.#ports.clock.bootMs() });
    this.#deed = deed;
  }

  /** Under a lease that holds nothing is told as long as a `stop` is on its way: the agent's `cont` must not be overtaken by it. */
  #tell(verdict: GuardVerdict): void {
    if (this.#pausing && verdict === 'run') return;
    const seen = { deadlineMs: this.#deadlineMs ?? null, deed: this.#deed };
    const told = `${seen.deadlineMs} ${seen.deed}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#ports.tell(seen);
  }
}
