import type { Clock } from '@godwit/base';
import type { Report } from '../daemon/control-server.ts';
import { leftMsOf, Rate } from '../desktop/rate.ts';

/** What another host tells of how far it is, as progress of a command here: with a rate and the time left, which it does not tell. */
export class RemoteProgress {
  readonly #clock: Clock;
  readonly #host: string;
  readonly #report: Report;
  readonly #startedMs: number;
  #rate = new Rate();
  #phase = '';

  constructor(clock: Clock, host: string, report: Report) {
    this.#clock = clock;
    this.#host = host;
    this.#report = report;
    this.#startedMs = clock.workMs();
  }

  /** Something its person should know at once. */
  say(phase: string, say: string): void {
    this.#report({ phase, host: this.#host, doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: this.#elapsedMs, say });
  }

  told({ phase, doneBytes, totalBytes }: { readonly phase: string; readonly doneBytes: number; readonly totalBytes: number | null }): void {
    if (phase !== this.#phase) this.#rate = new Rate();
    this.#phase = phase;
    const bytesPerSecond = this.#rate.look(this.#clock.workMs(), doneBytes);
    this.#report({ phase, host: this.#host, doneBytes, totalBytes, bytesPerSecond, leftMs: leftMsOf({ doneBytes, totalBytes }, bytesPerSecond), elapsedMs: this.#elapsedMs, say: null });
  }

  get #elapsedMs(): number {
    return this.#clock.workMs() - this.#startedMs;
  }
}
