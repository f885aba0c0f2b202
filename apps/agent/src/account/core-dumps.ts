import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const prlimitMs = 5_000;

/**
 * No dump of this process, nor of what it starts, holds memory: keys and guests' pages are in there. The limit counts for files; what the
 * kernel pipes to a program instead is emptied by the filter. Returns why it did not work, if it did not.
 */
export async function forbidCoreDumps(): Promise<string | undefined> {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
    await promisify(execFile)('prlimit', ['--core=0:0', `--pid=${process.pid}`], { timeout: prlimitMs });
  } catch {
    return 'prlimit or /proc/self/coredump_filter cannot be used here';
  }
  return coreDumpsForbidden() ? undefined : 'the limit did not take effect';
}

export function coreDumpsForbidden(): boolean {
  return /^Max core file size +0 +0 /m.test(readFileSync('/proc/self/limits', 'latin1'));
}
