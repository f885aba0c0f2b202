// Runs programs for the bootstrap: quiet, with all they say in one log file, and with a clear end when one fails.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT_DIR = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const CACHE_DIR = join(ROOT_DIR, '.cache');
const LOG_FILE = join(CACHE_DIR, 'bootstrap.log');
/** How much of a failed program's text is shown; the rest is in the log. */
const SHOWN_LINES = 25;
const SHOWN_CHARS = 240;

/** The bootstrap can't go on. The message is for the person at the terminal and names the next step. */
export class SetupError extends Error {}

/** Begins the log anew: it tells of the last bootstrap only. */
export function startLog() {
  mkdirSync(CACHE_DIR, { recursive: true });
  writeFileSync(LOG_FILE, `${new Date().toISOString()} node ${process.version}, user ${process.getuid()}\n`);
}

/** One line per step that really does something. On stderr, because stdout belongs to the program that follows. */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** The first place of a program on PATH and in the system directories an ordinary user's PATH lacks, or undefined. */
export function findProgram(name) {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return dirs.filter((dir) => dir !== '').map((dir) => join(dir, name)).find((file) => existsSync(file));
}

/**
 * Runs a program with its output going to the log. Resolves with `{ ok, text }`, `text` being what it printed.
 * It gets no standard input: a question asked here would never be seen.
 */
export async function attempt(program, args, { cwd = ROOT_DIR, env = process.env } = {}) {
  const log = openSync(LOG_FILE, 'a');
  try {
    writeSync(log, `\n$ ${program} ${args.join(' ')}\n`);
    const startBytes = statSync(LOG_FILE).size;
    const ended = await new Promise((resolve) => {
      const child = spawn(program, args, { cwd, env, stdio: ['ignore', log, log] });
      child.on('error', (error) => resolve(error.message));
      child.on('close', (code, signal) => resolve(signal ?? code));
    });
    const text = readFileSync(LOG_FILE).subarray(startBytes).toString();
    return { ok: ended === 0, text: text === '' ? `ended with ${ended}` : text };
  } finally {
    closeSync(log);
  }
}

/** Like `attempt`, but a failure ends the bootstrap with `what` it was doing, the last lines and the log's place. */
export async function mustRun(what, program, args, options) {
  const { ok, text } = await attempt(program, args, options);
  if (ok) return text;
  throw failure(what, text);
}

export function failure(what, text) {
  const lines = text.trimEnd().split('\n').slice(-SHOWN_LINES)
    .map((line) => `  ${line.slice(0, SHOWN_CHARS)}`).join('\n');
  return new SetupError(`${what} failed:\n${lines}\nThe whole output is in ${LOG_FILE}`);
}
