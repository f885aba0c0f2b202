import type { ControlProgress, MovePhase, MoveReport } from '@godwit/wire';
import { SteadyAmount } from './steady-amount.ts';

/** What is known of a move when it has ended, or when its guest runs. Absent: as before. */
export type MoveFigures = Partial<Pick<MoveReport, 'pauseMs' | 'durableMs' | 'runningMs' | 'bytesMoved' | 'bytesChanged' | 'sequence'>>;

/** The wire takes so many phases; what comes after counts for the last one. */
const phasesMax = 32;

/** One move from its progress, as its coordinator is told of it. Pure: `nowMs` is any clock that goes on. */
export class MoveStory {
  readonly #about: Pick<MoveReport, 'moveId' | 'kind'>;
  readonly #amount = new SteadyAmount();
  readonly #ended: MovePhase[] = [];
  #phase = { name: 'check', sinceMs: 0, fromBytes: 0 };
  #pace: Pick<MoveReport, 'bytesPerSecond' | 'leftMs'> = { bytesPerSecond: null, leftMs: null };
  #figures: MoveFigures = {};
  #state: MoveReport['state'] = 'running';
  #fault: string | null = null;

  constructor(about: Pick<MoveReport, 'moveId' | 'kind'>, nowMs: number) {
    this.#about = about;
    this.#phase.sinceMs = nowMs;
  }

  progress(nowMs: number, { phase, doneBytes, totalBytes, bytesPerSecond, leftMs }: ControlProgress): void {
    if (phase !== this.#phase.name) {
      if (this.#ended.length < phasesMax - 1) {
        this.#ended.push(this.#current(nowMs));
        this.#phase = { name: phase, sinceMs: nowMs, fromBytes: this.#amount.doneBytes };
      } else this.#phase.name = phase;
    }
    this.#amount.look(phase, { doneBytes: Math.round(doneBytes), totalBytes: totalBytes === null ? null : Math.round(totalBytes) });
    this.#pace = { bytesPerSecond: bytesPerSecond === null ? null : Math.round(bytesPerSecond), leftMs };
  }

  note(figures: MoveFigures): void {
    Object.assign(this.#figures, figures);
  }

  end(state: Exclude<MoveReport['state'], 'running' | 'lost'>, fault: string | null): void {
    this.#state = state;
    this.#fault = fault;
    this.#pace = { bytesPerSecond: null, leftMs: state === 'done' ? 0 : null };
    if (state === 'done') this.#amount.end();
  }

  report(nowMs: number, epoch: number): MoveReport {
    const { doneBytes, totalBytes } = this.#amount;
    return {
      ...this.#about, epoch, state: this.#state, phase: this.#phase.name, doneBytes, totalBytes, ...this.#pace,
      pauseMs: null, durableMs: null, runningMs: null, bytesMoved: doneBytes, bytesChanged: null, sequence: null, ...this.#figures,
      fault: this.#fault, phases: [...this.#ended, this.#current(nowMs)],
    };
  }

  #current(nowMs: number): MovePhase {
    const { name, sinceMs, fromBytes } = this.#phase;
    return { phase: name, lengthMs: Math.max(0, nowMs - sinceMs), bytes: this.#amount.doneBytes - fromBytes };
  }
}
