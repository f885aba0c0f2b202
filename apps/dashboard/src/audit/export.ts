import { jsonLine } from './json-lines.ts';
import type { CheckedAnswer } from './session.ts';

/** What can be taken along: the log as JSON lines, and two heads that do not fit as evidence. */

/** So many entries are exported at most; who needs more narrows them down. */
export const exportLimit = 20_000;

/** All that `ask` gives, page by page, checked; `refused`: how many of them are not proven. `onRead`: entries so far. */
export async function exportLines(ask: (before: string | undefined) => Promise<CheckedAnswer>, onRead: (entries: number) => void): Promise<{ readonly lines: string[]; readonly refused: number }> {
  const lines: string[] = [];
  let refused = 0;
  for (let before: string | undefined; ; ) {
    const { answer, rows } = await ask(before);
    lines.push(...rows.map((row) => jsonLine(row, answer)));
    refused += rows.filter(({ state }) => state === 'refused').length;
    onRead(lines.length);
    if (answer.next === null || lines.length >= exportLimit) return { lines, refused };
    before = `${answer.next}`;
  }
}

/** Gives a text to the person as a file. */
export function saveFile(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
