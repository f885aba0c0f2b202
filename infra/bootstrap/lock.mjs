// One bootstrap at a time in one checkout.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR, SetupError, findProgram, say } from './command.mjs';

/** After this time somebody who waits is told for what. */
const PATIENCE_MS = 500;

/**
 * Runs `work` while holding the checkout's lock. The lock is the kernel's (flock), kept by a child that lives as long as
 * its standard input is open: when this process dies, however it dies, the lock is gone, so no lock is ever stale.
 */
export async function withLock(work) {
  mkdirSync(CACHE_DIR, { recursive: true });
  const flock = findProgram('flock');
  if (flock === undefined) throw new SetupError('the program flock is missing; install util-linux');
  const keeper = spawn(flock, [join(CACHE_DIR, 'bootstrap.lock'), 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => keeper.on('close', resolve));
  const impatient = setTimeout(() => say('waiting for another setup of this checkout'), PATIENCE_MS);
  try {
    await new Promise((resolve, reject) => {
      keeper.stdout.once('data', resolve);
      keeper.on('error', reject);
      keeper.on('close', (code) => reject(new SetupError(`flock ended with ${code} before it held ${CACHE_DIR}/bootstrap.lock`)));
    });
    clearTimeout(impatient);
    return await work();
  } finally {
    clearTimeout(impatient);
    keeper.stdin.destroy();
    await ended;
  }
}
