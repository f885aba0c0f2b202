import { guardTimes, guardVerdict } from '@godwit/agent';
import { guardKillMs, guardPauseMs } from '@godwit/wire';
import { Program, type Timer } from './computer.ts';
import type { Host } from './host.ts';
import type { Qemu } from './qemu.ts';

const pollMs = 100;

/** The small process beside a strict guest's QEMU: pauses and kills it by the clock, with the real verdict and no help from the agent. */
export class Guard extends Program {
  readonly host: Host;
  readonly qemu: Qemu;
  deadlineMs: number;
  #timer: Timer | undefined;
  #watchedDeadlineMs = -1;

  constructor(host: Host, qemu: Qemu, deadlineMs: number) {
    super(host.computer, `guard ${qemu.desktop}`);
    this.host = host;
    this.qemu = qemu;
    this.deadlineMs = deadlineMs;
    host.guards.set(qemu, this);
    qemu.onContinue = () => {
      if (this.running) this.#rest();
    };
    this.#rest();
  }

  /** The agent's message: later deadlines only. */
  setDeadline(deadlineMs: number): void {
    this.deadlineMs = Math.max(this.deadlineMs, deadlineMs);
    this.#rest();
  }

  override kill(): void {
    if (!this.alive) return;
    super.kill();
    if (this.host.guards.get(this.qemu) === this) this.host.guards.delete(this.qemu);
    this.host.guardEnded(this);
  }

  override woke(): void {
    super.woke();
    if (this.running) this.#rest();
  }

  override continue(): void {
    super.continue();
    if (this.running) this.#rest();
  }

  #nowMs(): number {
    return this.world.broken === 'deadline-on-the-working-clock' ? this.computer.workMs() : this.computer.bootMs();
  }

  /**
   * It looks every 100 ms. Looks that would find nothing to do are left out: the next is the first one after the verdict can be another,
   * at the latest 100 ms after something changed.
   */
  #rest(): void {
    this.#timer?.cancel();
    const nowMs = this.#nowMs();
    const verdict = guardVerdict(nowMs, this.deadlineMs, guardTimes);
    const quietUntilMs = verdict === 'run' ? this.deadlineMs - guardPauseMs : verdict === 'pause' && this.qemu.paused ? this.deadlineMs - guardKillMs : nowMs;
    const delayMs = Math.ceil((quietUntilMs - nowMs) / pollMs) * pollMs + this.world.dice.between(0, pollMs);
    this.#timer = this.after(delayMs, () => this.#look());
    if (this.#watchedDeadlineMs !== this.deadlineMs) this.world.watch.deadlineSet(this);
    this.#watchedDeadlineMs = this.deadlineMs;
  }

  #look(): void {
    const { broken } = this.world;
    if (!this.qemu.alive) {
      this.kill();
      return;
    }
    const verdict = broken === 'guard-never-acts' ? 'run' : guardVerdict(this.#nowMs(), this.deadlineMs, guardTimes);
    if (verdict === 'pause' && !this.qemu.paused) {
      this.world.tell(this.host.name, () => `guard of ${this.qemu.desktop} pauses it`);
      this.qemu.pause();
    }
    if (verdict === 'kill') {
      if (broken === 'guard-never-kills') {
        this.qemu.pause();
        return;
      }
      this.world.tell(this.host.name, () => `guard of ${this.qemu.desktop} kills it`);
      this.qemu.kill();
      this.kill();
      return;
    }
    if (broken !== 'guard-never-acts') this.#rest();
  }
}
