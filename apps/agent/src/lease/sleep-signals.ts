/**
 * What logind says about sleep, in the words of `gdbus monitor`. One line per signal:
 * `/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (true,)`
 */
const preparing = /^\/org\/freedesktop\/login1: org\.freedesktop\.login1\.Manager\.PrepareForSleep \((true|false),\)$/;
const lineCharsMax = 4096;

export type SleepSignal = 'sleep' | 'wake';

/** Undefined for every other line. */
export function parseSleepSignal(line: string): SleepSignal | undefined {
  const said = preparing.exec(line.trimEnd())?.[1];
  return said === undefined ? undefined : said === 'true' ? 'sleep' : 'wake';
}

/** Cuts output into lines, however it comes in pieces; a line without an end is given up rather than kept for ever. */
export class LineCutter {
  #rest = '';

  push(piece: string): string[] {
    const lines = `${this.#rest}${piece}`.split('\n');
    this.#rest = (lines.pop() ?? '').slice(-lineCharsMax);
    return lines;
  }
}
