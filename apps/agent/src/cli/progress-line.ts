import { systemClock, type Clock } from '@godwit/base';
import type { ControlProgress } from '@godwit/wire';
import { bytesText, durationText } from './figures.ts';

/**
 * `live`: one line of a terminal that is redrawn. `events`: a line per phase, and one every ten seconds (GODWIT_PLAIN). `quiet`: only the latter (a pipe).
 * `json`: as events, as JSON. Whatever it is: what must be said is said at once, SIGUSR1 prints where it stands, and all goes to stderr.
 */
export type ProgressForm = 'live' | 'events' | 'quiet' | 'json';

export const repeatMs = 10_000;

/** What it needs of process.stderr. */
type Terminal = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns' | 'on' | 'off'>;

export class ProgressLine implements Disposable {
  readonly #stream: Terminal;
  readonly #form: ProgressForm;
  readonly #clock: Clock;
  readonly #repeat: NodeJS.Timeout | undefined;
  readonly #said = new Set<string>();
  /** How wide the line is that stands on the terminal; 0: none does. */
  #drawnWidth = 0;
  #last: { readonly progress: ControlProgress; readonly atMs: number } | undefined;

  constructor(stream: Terminal, form?: ProgressForm, clock = systemClock) {
    this.#stream = stream;
    this.#form = form ?? formOf(stream.isTTY, process.env);
    this.#clock = clock;
    // Node listens to SIGUSR1 itself, for its debugger, until somebody else does.
    process.on('SIGUSR1', this.#showNow);
    if (this.#form === 'live') stream.on('resize', this.#redraw);
    else this.#repeat = setInterval(() => this.#repeatLine(), repeatMs).unref();
  }

  /** The phase that was told last. */
  get phase(): string | undefined {
    return this.#last?.progress.phase;
  }

  /** Once each. */
  say(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#write(text);
  }

  show(progress: ControlProgress): void {
    const isNew = progress.phase !== this.phase;
    this.#last = { progress, atMs: this.#clock.workMs() };
    const says = progress.say !== null && !this.#said.has(progress.say);
    if (progress.say !== null && this.#form !== 'json') this.say(progress.say);
    if (this.#form === 'live') this.#redraw();
    else if (this.#form === 'json' ? isNew || says : this.#form === 'events' && isNew) this.#repeatLine();
    if (progress.say !== null) this.#said.add(progress.say);
  }

  clear(): void {
    if (this.#drawnWidth > 0) this.#stream.write(erase(this.#drawnWidth, this.#stream.columns));
    this.#drawnWidth = 0;
  }

  [Symbol.dispose](): void {
    this.clear();
    clearInterval(this.#repeat);
    process.off('SIGUSR1', this.#showNow);
    this.#stream.off('resize', this.#redraw);
  }

  /** As it was told last, with the time that went by since. */
  #now(): ControlProgress | undefined {
    return this.#last === undefined ? undefined : { ...this.#last.progress, elapsedMs: this.#last.progress.elapsedMs + this.#clock.workMs() - this.#last.atMs };
  }

  readonly #showNow = (): void => {
    const progress = this.#now();
    this.#write(progress === undefined ? 'asked, no word yet' : progressText(progress));
    if (this.#form === 'live') this.#redraw();
  };

  readonly #redraw = (): void => {
    const progress = this.#now();
    if (progress === undefined) return;
    const text = progressText(progress).slice(0, Math.max(1, this.#stream.columns - 1));
    this.#stream.write(`${erase(this.#drawnWidth, this.#stream.columns)}${text}`);
    this.#drawnWidth = text.length;
  };

  #repeatLine(): void {
    const progress = this.#now();
    if (progress !== undefined) this.#write(this.#form === 'json' ? JSON.stringify({ progress: { ...progress, elapsedMs: Math.round(progress.elapsedMs) } }) : progressText(progress));
  }

  #write(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }
}

export function formOf(terminal: boolean, environment: NodeJS.ProcessEnv): ProgressForm {
  if ((environment['GODWIT_PLAIN'] ?? '') !== '') return 'events';
  return terminal ? 'live' : 'quiet';
}

/** What takes a line of `width` away on a terminal of `columns`: one that became narrower shows it on several rows. Pure. */
export function erase(width: number, columns: number): string {
  const above = width === 0 ? 0 : Math.ceil(width / Math.max(1, columns)) - 1;
  return `${above > 0 ? `\u001b[${above}A` : ''}\r\u001b[J`;
}

/** `upload   12.0 s  93 MiB of ~210 MiB  17 MiB/s  about 7 s left`. Totals and times are estimates, and are not shown where nobody knows. */
export function progressText({ phase, host, doneBytes, totalBytes, bytesPerSecond, leftMs, elapsedMs }: Omit<ControlProgress, 'say'>): string {
  const parts = [host === undefined ? phase.padEnd(8) : `${host}: ${phase.padEnd(8)}`, durationText(elapsedMs)];
  if (doneBytes > 0) parts.push(totalBytes === null ? bytesText(doneBytes) : `${bytesText(doneBytes)} of ~${bytesText(totalBytes)}`);
  if (doneBytes > 0 && bytesPerSecond !== null) parts.push(bytesPerSecond > 0 ? `${bytesText(bytesPerSecond)}/s` : 'waiting');
  if (leftMs !== null) parts.push(`about ${leftText(leftMs)} left`);
  return parts.join('  ');
}

/** No more digits than an estimate has. */
function leftText(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
