import { Fault, traceIdOf, type Clock, type DesktopId, type Log, type Random } from '@godwit/base';
import type { ControlProgress, MoveReport } from '@godwit/wire';
import { activeTraceparent, inSpan } from '@godwit/base/trace';
import type { Coordinator } from '../account/coordinator.ts';
import { MoveStory, type MoveFigures } from './move-story.ts';

const everyMs = 1_000;
/** A move that stands still is told of all the same: who hears nothing for a minute takes it for lost. */
const stillMs = 10_000;
const answerMs = 4_000;
/** How long the end of a move is tried to be told, with pauses between. */
const endPausesMs: readonly number[] = [1_000, 5_000, 20_000];

export interface TellerParts {
  readonly coordinator: Pick<Coordinator, 'call'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ToldMove {
  readonly kind: MoveReport['kind'];
  readonly desktopId: DesktopId;
  /** Undefined: not known yet, and nothing is told before it is. */
  readonly epoch?: number;
}

/**
 * Tells the coordinator how a move goes: at most once a second, and once at the end. Nothing here throws, and nobody waits for it: one request
 * is under way at a time, and a coordinator that does not answer, or does not want to know, costs the move nothing.
 */
export class MoveTeller {
  readonly #parts: TellerParts;
  readonly #desktopId: DesktopId;
  readonly #log: Log;
  /** Of the command that began it, which may be answered long before the move ends. */
  readonly #trace: string | undefined;
  readonly #story: MoveStory;
  readonly #timer: NodeJS.Timeout;
  #epoch: number | undefined;
  #toldMs = -Infinity;
  #telling: Promise<void> | undefined;
  #ended = false;
  /** The coordinator does not take it: another host's epoch by now, or a coordinator that knows no such thing. */
  #unwanted = false;

  constructor(parts: TellerParts, { kind, desktopId, epoch }: ToldMove) {
    this.#parts = parts;
    this.#desktopId = desktopId;
    this.#epoch = epoch;
    const moveId = parts.random(16).toString('hex');
    this.#trace = activeTraceparent();
    this.#log = parts.log.with({ move: moveId, kind, desktop: desktopId, trace: traceIdOf(this.#trace) });
    this.#log.info('move-begins');
    this.#story = new MoveStory({ moveId, kind }, parts.clock.workMs());
    this.#timer = setInterval(() => this.#tell(), stillMs).unref();
  }

  /** The host has the epoch from now on. */
  began(epoch: number): void {
    this.#epoch = epoch;
  }

  progress(progress: ControlProgress): void {
    if (this.#ended) return;
    this.#story.progress(this.#parts.clock.workMs(), progress);
    this.#tell();
  }

  note(figures: MoveFigures): void {
    this.#story.note(figures);
  }

  done(figures: MoveFigures): void {
    this.note(figures);
    this.#end('done', null);
  }

  failed(error: unknown): void {
    const { code } = Fault.from(error);
    if (code === 'CANCELLED') this.#end('cancelled', null);
    else if (code === 'COMMIT_UNKNOWN' || code === 'COMMIT_UNPROVEN') this.#end('unknown', code);
    else this.#end('failed', code);
  }

  #tell(): void {
    const nowMs = this.#parts.clock.workMs();
    if (this.#ended || this.#telling !== undefined || nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    this.#telling = this.#send(this.#report()).then(() => (this.#telling = undefined));
  }

  #end(state: 'done' | 'failed' | 'cancelled' | 'unknown', fault: string | null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#story.end(state, fault);
    this.#log.info('move-ended', { state, fault });
    void this.#tellEnd(this.#report());
  }

  async #tellEnd(body: MoveReport | undefined): Promise<void> {
    await this.#telling;
    for (const pauseMs of endPausesMs) {
      if (await this.#send(body)) return;
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs).unref());
    }
  }

  #report(): MoveReport | undefined {
    return this.#epoch === undefined ? undefined : this.#story.report(this.#parts.clock.workMs(), this.#epoch);
  }

  /** Whether there is nothing more to try. */
  async #send(body: MoveReport | undefined): Promise<boolean> {
    const { coordinator } = this.#parts;
    if (body === undefined || this.#unwanted) return true;
    try {
      const parent = this.#trace === undefined ? {} : { parent: this.#trace };
      await inSpan('tell of a move', { kind: 'client', ...parent }, () => coordinator.call('reportMove', { params: { desktopId: this.#desktopId }, body }, { timeoutMs: answerMs }));
      return true;
    } catch (error) {
      const { code, kind } = Fault.from(error);
      this.#unwanted = kind !== 'unavailable' && kind !== 'internal';
      this.#log.debug('move-not-told', { code });
      return this.#unwanted;
    }
  }
}

/** Does `work`, telling of it from its progress; its result or its fault is passed on as it is. `figures`: what of the result is told. */
export async function tellingOf<Result>(parts: TellerParts, move: ToldMove, report: (progress: ControlProgress) => void, work: (report: (progress: ControlProgress) => void) => Promise<Result>, figures: (result: Result) => MoveFigures): Promise<Result> {
  const teller = new MoveTeller(parts, move);
  try {
    const result = await work((progress) => {
      report(progress);
      teller.progress(progress);
    });
    teller.done(figures(result));
    return result;
  } catch (error) {
    teller.failed(error);
    throw error;
  }
}
