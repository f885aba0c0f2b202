/** What a test file tells the runner: one JSON object per line, in a file of its own so that a test's prints can't garble it. */

/** Environment variable that names the file the reporter appends to. */
export const EVENTS_FILE_VARIABLE = 'GODWIT_TEST_EVENTS';

export interface TestEvent {
  readonly kind: 'passed' | 'failed' | 'skipped' | 'note';
  /** The test's name; for a note, the measured thing. */
  readonly name: string;
  /** Why it failed, ready to print; empty otherwise. */
  readonly detail: string;
}

/** Reads the lines of one test file's run. A last line that was cut off by a crash is left out. */
export function parseEvents(text: string): TestEvent[] {
  const end = text.lastIndexOf('\n');
  if (end < 0) return [];
  return text.slice(0, end).split('\n').map((line) => JSON.parse(line) as TestEvent);
}
