import type { ControlProgress } from '@godwit/wire';
import { bytesText, durationText } from './figures.ts';

/** On a terminal one line that is redrawn; elsewhere nothing but what must be said (a join code), on stderr. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  #drawn = false;
  #phase: string | undefined;
  #said = new Set<string>();

  constructor(stream: NodeJS.WriteStream, quiet: boolean) {
    this.#stream = stream;
    this.#live = stream.isTTY && !quiet && process.env['GODWIT_PLAIN'] === undefined;
  }

  /** The phase that was told last. */
  get phase(): string | undefined {
    return this.#phase;
  }

  /** Once each. */
  say(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.clear();
    this.#stream.write(`${text}\n`);
  }

  show(progress: ControlProgress): void {
    this.#phase = progress.phase;
    if (progress.say !== null) this.say(progress.say);
    if (!this.#live) return;
    this.#stream.write(`\r\u001b[2K${progressText(progress)}`);
    this.#drawn = true;
  }

  clear(): void {
    if (this.#drawn) this.#stream.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** `upload   12.0 s  93 MiB of ~210 MiB  17 MiB/s  about 7 s left`. Totals and times are estimates, and are not shown where nobody knows. */
export function progressText({ phase, doneBytes, totalBytes, bytesPerSecond, leftMs, elapsedMs }: Omit<ControlProgress, 'say'>): string {
  const parts = [phase.padEnd(8), durationText(elapsedMs)];
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
