import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EVENTS_FILE_VARIABLE, parseEvents } from './event.ts';

const REPORTER = join(import.meta.dirname, 'reporter.js');
/** What V8 compiled is kept for the many processes that load the same modules. */
const COMPILED_DIR = join(import.meta.dirname, '../../../.cache/compiled');
/** How much of a failed file's own prints is kept; the end of it is what matters. */
const KEPT_OUTPUT_CHARS = 16_384;
/** Servers that a test has told to end may take this long about it. */
const LEAVE_GRACE_MS = 2_000;
const LEAVE_LOOK_MS = 25;

export interface Failure {
  readonly name: string;
  readonly detail: string;
}

export interface FileResult {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** What the tests measured and told with `t.diagnostic`. */
  readonly notes: readonly string[];
  /** The end of what the file printed, both streams. */
  readonly output: string;
  readonly durationMs: number;
}

/** Process groups of files that run now, so that an interrupted runner can end them. */
const running = new Set<number>();

/** Ends all test files that run now, and all they started. */
export function endRunningFiles(): void {
  for (const group of running) endGroup(group);
}

/**
 * Runs one built test file in a process group of its own and never takes much longer than `limitMs`. A file fails, beside
 * its failed tests, when it ends badly, holds no test, takes too long or leaves processes behind; those are ended.
 * (node:test's own `run()` limits single tests only: a loop or an open handle in a test file would hang it for ever.)
 */
export async function runTestFile(file: string, limitMs: number): Promise<FileResult> {
  const dir = mkdtempSync(join(tmpdir(), 'godwit-test-'));
  const eventsFile = join(dir, 'events');
  const startedMs = performance.now();
  try {
    const { ending, output } = await runProcess(file, eventsFile, limitMs);
    const events = parseEvents(existsSync(eventsFile) ? readFileSync(eventsFile, 'utf8') : '');
    const named = (kind: string) => events.filter((event) => event.kind === kind);
    const failures: Failure[] = named('failed').map(({ name, detail }) => ({ name, detail }));
    const passed = named('passed').length;
    const skipped = named('skipped').length;
    // A bad exit code is what failed tests lead to; without one it is a failure of its own.
    const explained = ending.kind === 'code' && failures.length > 0;
    if (ending.bad && !explained) failures.push({ name: '(the file itself)', detail: ending.text });
    if (passed + skipped + failures.length === 0) failures.push({ name: '(the file itself)', detail: 'holds no test' });
    return { passed, skipped, failures, notes: named('note').map(({ name }) => name), output, durationMs: performance.now() - startedMs };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Ending {
  readonly kind: 'code' | 'signal' | 'limit' | 'leftover';
  readonly bad: boolean;
  readonly text: string;
}

async function runProcess(file: string, eventsFile: string, limitMs: number): Promise<{ ending: Ending; output: string }> {
  const child = spawn(process.execPath, ['--enable-source-maps', `--test-reporter=${REPORTER}`, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, [EVENTS_FILE_VARIABLE]: eventsFile, NODE_COMPILE_CACHE: COMPILED_DIR },
  });
  let output = '';
  const keep = (text: string) => { output = (output + text).slice(-KEPT_OUTPUT_CHARS); };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const { pid } = child;
  const tooLong = new AbortController();
  const limit = setTimeout(() => {
    tooLong.abort();
    if (pid !== undefined) endGroup(pid);
  }, limitMs);
  if (pid !== undefined) running.add(pid);
  try {
    // 'exit' and not 'close': a process left behind may hold the pipes for ever.
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('exit', (...how) => { resolve(how); });
      child.on('error', reject);
    });
    const left = pid !== undefined && !tooLong.signal.aborted && !(await groupIsGone(pid));
    return { ending: describeEnding(code, signal, tooLong.signal.aborted ? limitMs : undefined, left), output };
  } finally {
    clearTimeout(limit);
    if (pid !== undefined) {
      endGroup(pid);
      running.delete(pid);
    }
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function describeEnding(code: number | null, signal: string | null, passedLimitMs: number | undefined, left: boolean): Ending {
  if (passedLimitMs !== undefined) return { kind: 'limit', bad: true, text: `did not end within ${passedLimitMs / 1000} s` };
  if (signal !== null) return { kind: 'signal', bad: true, text: `was ended by ${signal}` };
  if (code !== 0) return { kind: 'code', bad: true, text: `ended with exit code ${code}` };
  if (left) return { kind: 'leftover', bad: true, text: 'left processes behind' };
  return { kind: 'code', bad: false, text: '' };
}

async function groupIsGone(group: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs <= LEAVE_GRACE_MS; waitedMs += LEAVE_LOOK_MS) {
    if (!signalGroup(group, 0)) return true;
    await sleep(LEAVE_LOOK_MS);
  }
  return false;
}

function endGroup(group: number): void {
  signalGroup(group, 'SIGKILL');
}

/** False when the group has no process any more. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
