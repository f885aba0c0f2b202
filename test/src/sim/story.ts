/** What happened, for people: the newest lines, kept only where somebody will read them. */
export class Story {
  readonly #lines: string[] = [];
  readonly #linesKept: number;

  constructor(linesKept: number) {
    this.#linesKept = linesKept;
  }

  add(atMs: number, step: number, who: string, what: string): void {
    this.#lines.push(`${clockText(atMs)} #${String(step).padEnd(6)} ${who.padEnd(12)} ${what}`);
    if (this.#lines.length > this.#linesKept) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

/** Minutes, seconds and thousandths since the beginning. */
export function clockText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${String(minutes).padStart(4)}:${((ms - minutes * 60_000) / 1000).toFixed(3).padStart(6, '0')}`;
}
