import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import type { TestEvent as NodeTestEvent } from 'node:test/reporters';
import { EVENTS_FILE_VARIABLE, type TestEvent } from './event.ts';

/** node:test's own totals are diagnostics like any other; the runner makes its own. */
const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/**
 * A node:test reporter for the runner. Each event is on the disk before the next test begins, so that a file that crashes
 * still shows how far it came.
 */
export default async function* report(source: AsyncIterable<NodeTestEvent>): AsyncGenerator<never> {
  const file = process.env[EVENTS_FILE_VARIABLE];
  if (file === undefined) throw new Error(`${EVENTS_FILE_VARIABLE} is not set`);
  for await (const event of source) {
    const told = translate(event);
    if (told !== undefined) appendFileSync(file, `${JSON.stringify(told)}\n`);
  }
}

function translate(event: NodeTestEvent): TestEvent | undefined {
  if (event.type === 'test:pass') {
    if (event.data.details.type === 'suite') return undefined;
    const skipped = isSet(event.data.skip) || isSet(event.data.todo);
    return { kind: skipped ? 'skipped' : 'passed', name: event.data.name, detail: '' };
  }
  if (event.type === 'test:fail') {
    const { error } = event.data.details;
    // The test inside has told it already.
    if ((error as { failureType?: string }).failureType === 'subtestsFailed') return undefined;
    if (isSet(event.data.todo)) return { kind: 'skipped', name: event.data.name, detail: '' };
    return { kind: 'failed', name: event.data.name, detail: describe(error) };
  }
  if (event.type === 'test:diagnostic' && !TOTAL.test(event.data.message)) {
    return { kind: 'note', name: event.data.message, detail: '' };
  }
  return undefined;
}

function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}

/** node:test wraps what a test threw; the cause is what a reader wants. */
function describe(error: Error): string {
  const cause: unknown = error.cause ?? error;
  return cause instanceof Error || typeof cause !== 'string' ? inspect(cause, { depth: 6 }) : cause;
}
