import { Program } from './computer.ts';
import type { Host } from './host.ts';
import type { DesktopName, GuestState } from './state.ts';

/** A QEMU with its guest: a counter that grows while the guest executes. It lives on when its agent dies. */
export class Qemu extends Program {
  readonly host: Host;
  readonly desktop: DesktopName;
  /** The epoch it was started under. */
  readonly epoch: number;
  /** Everything it needs is here: its disk outlives it. */
  complete: boolean;
  readonly base: GuestState;
  paused = true;
  executing = false;
  /** What watches over it hears that it was continued. */
  onContinue: (() => void) | undefined;
  #counter: number;
  /** On the working clock: since when it executes. */
  sinceMs = 0;

  constructor(host: Host, desktop: DesktopName, epoch: number, from: { readonly base: GuestState; readonly counter: number; readonly complete: boolean }) {
    super(host.computer, `qemu ${desktop}`);
    this.host = host;
    this.desktop = desktop;
    this.epoch = epoch;
    this.base = from.base;
    this.complete = from.complete;
    this.#counter = from.counter;
    host.qemus.add(this);
    host.world.watch.launched(this);
  }

  get counter(): number {
    return this.executing ? this.#counter + this.computer.workMs() - this.sinceMs : this.#counter;
  }

  /** Its state as it stands, which it does while it is captured. */
  capture(): GuestState {
    return { parent: this.base, counter: this.counter };
  }

  /** QMP: one that is stopped (SIGSTOP) hears it when it goes on. */
  pause(done?: () => void): void {
    this.deliver(() => {
      this.paused = true;
      this.changed();
      done?.();
    });
  }

  cont(): void {
    this.deliver(() => {
      this.paused = false;
      this.changed();
      this.onContinue?.();
    });
  }

  override changed(): void {
    const executing = this.running && !this.paused;
    if (executing === this.executing) return;
    if (executing) this.sinceMs = this.computer.workMs();
    else this.#counter += this.computer.workMs() - this.sinceMs;
    this.executing = executing;
    this.world.watch.executionChanged(this);
  }

  override kill(): void {
    if (!this.alive) return;
    super.kill();
    this.host.qemus.delete(this);
    if (this.complete) this.host.disks.set(this.desktop, { base: this.base, counter: this.#counter });
    this.host.qemuEnded(this);
  }
}
