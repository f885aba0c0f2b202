import { Fault, type Clock, type Log } from '@godwit/base';
import { guardPauseMs, leaseTermMs } from '@godwit/wire';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { ProcessId } from '../machine/process-id.ts';
import { mayRun, nextHolding, type HoldingEvent } from './holding.ts';

/** Whose the desktop is now, as far as it was told. */
export interface Taken {
  readonly by: string | null;
  readonly epoch: number | null;
}

/** The guard of one machine, as its holder uses it. */
export interface MachineGuard {
  readonly alive: boolean;
  /** When it resolves, the guard goes by this deadline. Null: there is none any more. */
  setDeadline(deadlineBootMs: number | null): Promise<void>;
  end(): Promise<void>;
}

export interface HeldPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The guard of the machine that the desktop's record names: found, or started; undefined where that machine has ended, and nothing is to be guarded. */
  readonly guardOf: (desktop: LocalDesktop) => Promise<MachineGuard | undefined>;
  /** What is here is to become a desktop of its own; its guest stands still. Called once. */
  readonly onFork: (desktop: LocalDesktop, taken: Taken) => void;
}

/** The guard may have paused the guest so long before the deadline by the agent's clock, which it reads a little later. */
const guardAheadMs = 1_000;

/**
 * One desktop that this host holds: its state in the table of holding.ts, the deadline of a strict one with its guard, and what the
 * table's actions mean for its guest. All times are on the boot clock.
 */
export class HeldDesktop {
  readonly desktop: LocalDesktop;
  readonly #ports: HeldPorts;
  #guard: MachineGuard | undefined;
  /** The machine that it guards. */
  #guarded: ProcessId | undefined;
  /** Strict: what the last accepted renewal is good for. */
  #deadlineMs: number | undefined;
  /** What QEMU was told and did not answer to. */
  #owed: 'pause' | 'go-on' | undefined;

  constructor(desktop: LocalDesktop, ports: HeldPorts) {
    this.desktop = desktop;
    this.#ports = ports;
  }

  get strict(): boolean {
    return this.desktop.record.offline === 'stop';
  }

  /** Whether what others say about its owner counts. A commit on its way settles by itself, and what was left does not come back. */
  get heeds(): boolean {
    return this.desktop.record.stage !== 'committing' && this.desktop.record.stage !== 'left' && this.desktop.holding !== 'superseded';
  }

  /** Whether there is anything to ask about: a strict lease has to hold until the commit is known too, or the guard ends the machine. */
  get asks(): boolean {
    return this.heeds || (this.strict && this.desktop.record.stage === 'committing');
  }

  /** Strict: the lease was confirmed, and the guard would not pause a guest now. */
  inTerm(): boolean {
    return this.#deadlineMs !== undefined && this.#ports.clock.bootMs() < this.#deadlineMs - guardPauseMs;
  }

  /** Moves on in the table. What its action takes is begun before this returns; nobody has to wait for it. */
  apply(event: HoldingEvent, taken: Taken = { by: null, epoch: null }): void {
    const { desktop } = this;
    const from = desktop.holding;
    const { state, action } = nextHolding(desktop.record.offline, from, event);
    desktop.holding = state;
    if (state !== from) this.#ports.log.info('holding', { desktop: desktop.record.desktopId, epoch: desktop.record.epoch, event, from, to: state });
    if (action === 'pause' || action === 'fork') void this.pause();
    if (action === 'go-on') void this.#goOn();
    if (action === 'fork') this.#ports.onFork(desktop, taken);
  }

  /** An answer to a question sent at `sentMs` says that the epoch is current. A strict guest goes on when its guard knows the deadline. */
  async confirmed(sentMs: number): Promise<void> {
    const { clock } = this.#ports;
    this.desktop.confirmedWallMs = clock.wallMs();
    if (!this.strict) {
      this.apply('current');
      return;
    }
    const before = this.#deadlineMs;
    this.#deadlineMs = Math.max(before ?? 0, sentMs + leaseTermMs);
    if (!this.inTerm()) return;
    try {
      await this.#keepGuard();
    } catch (error) {
      this.#guardLost(error);
      return;
    }
    // The guard may have paused the guest while the answer was on its way; then it has to go on, which it does only from `waiting`.
    if (before !== undefined && clock.bootMs() >= before - guardPauseMs - guardAheadMs) this.apply('term-near');
    if (this.inTerm()) this.apply('current');
  }

  /**
   * The machine was made and its guest does not run yet: it gets its guard. Throws LEASE_UNCONFIRMED where a strict lease is not in its
   * term, DESKTOP_SUPERSEDED, GUARD_LOST. Does nothing for a desktop that is not strict.
   */
  async guardMachine(): Promise<void> {
    const { desktop } = this;
    if (desktop.holding === 'superseded') throw new Fault('DESKTOP_SUPERSEDED', { subject: desktop.name });
    if (!this.strict) return;
    if (!this.inTerm() || !mayRun(desktop.holding)) throw new Fault('LEASE_UNCONFIRMED', { subject: desktop.name });
    try {
      await this.#keepGuard();
    } catch (error) {
      throw new Fault('GUARD_LOST', { subject: desktop.name, cause: error });
    }
  }

  /** What only time brings: the term's end, a guard that died, a QEMU that has to be told again. */
  look(): void {
    const { desktop } = this;
    if (this.#owed === 'pause' && !mayRun(desktop.holding)) void this.pause();
    if (this.#owed === 'go-on' && mayRun(desktop.holding)) void this.#goOn();
    if (!this.strict || !mayRun(desktop.holding)) return;
    if (!this.inTerm()) this.apply('term-near');
    else if (this.#guard?.alive === false && desktop.machine !== undefined) this.#restartGuard();
  }

  /** The desktop has become strict, or is not any more; the record says which. Throws GUARD_LOST. */
  async followPolicy(confirmedSentMs: number | undefined): Promise<void> {
    if (!this.strict) {
      const guard = this.#guard;
      this.#guard = undefined;
      this.#deadlineMs = undefined;
      if (this.desktop.holding === 'waiting') this.apply('silence');
      await guard?.end();
      return;
    }
    if (confirmedSentMs !== undefined) this.#deadlineMs = confirmedSentMs + leaseTermMs;
    if (this.desktop.record.machine !== null) await this.#keepGuard();
  }

  /** Its guest stands still, now. A QEMU that does not answer is asked again by `look`. */
  async pause(): Promise<void> {
    this.#owed = undefined;
    try {
      await this.desktop.hold();
    } catch (error) {
      this.#owed = 'pause';
      this.#ports.log.error('guest-not-paused', { desktop: this.desktop.record.desktopId, error });
    }
  }

  /** It is not held here any more, or its machine is gone. */
  async end(): Promise<void> {
    const guard = this.#guard;
    this.#guard = undefined;
    try {
      await guard?.end();
    } catch (error) {
      // A guard whose machine is gone ends by itself.
      this.#ports.log.warn('guard-not-ended', { desktop: this.desktop.record.desktopId, error });
    }
  }

  async #goOn(): Promise<void> {
    const { desktop } = this;
    this.#owed = undefined;
    try {
      // A capture goes on with a guest that stands still, and whoever made it lets the guest run again when it fails.
      if (desktop.operation !== 'departing') await desktop.goOn();
      if (desktop.record.asleep && mayRun(desktop.holding)) await desktop.update({ asleep: false });
    } catch (error) {
      this.#owed = 'go-on';
      this.#ports.log.error('guest-not-continued', { desktop: desktop.record.desktopId, error });
    }
  }

  /** There is a guard that lives, and it knows the deadline. One that died, or does not answer, is replaced once. */
  async #keepGuard(): Promise<void> {
    const { desktop } = this;
    const { machine } = desktop.record;
    if (machine === null) return;
    // The guard of a machine that has ended knows nothing of the one after it.
    const guards = machine.pid === this.#guarded?.pid && machine.startTicks === this.#guarded.startTicks;
    try {
      await this.#setDeadline(guards && this.#guard?.alive === true ? this.#guard : undefined, machine);
    } catch (error) {
      this.#ports.log.warn('guard-replaced', { desktop: desktop.record.desktopId, error });
      await this.#setDeadline(undefined, machine);
    }
    desktop.guardLost = false;
  }

  async #setDeadline(known: MachineGuard | undefined, machine: ProcessId): Promise<void> {
    const guard = known ?? (await this.#ports.guardOf(this.desktop));
    this.#guard = guard;
    this.#guarded = machine;
    await guard?.setDeadline(this.#deadlineMs ?? null);
  }

  #restartGuard(): void {
    this.#guard = undefined;
    this.#keepGuard().catch((error: unknown) => this.#guardLost(error));
  }

  /** Without its guard a strict guest stands still; each renewal tries again to give it one. */
  #guardLost(error: unknown): void {
    const fault = new Fault('GUARD_LOST', { subject: this.desktop.name, cause: error });
    this.desktop.guardLost = true;
    this.#ports.log.error('guard-lost', { desktop: this.desktop.record.desktopId, error: fault });
    this.apply('term-near');
  }
}
