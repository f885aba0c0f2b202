// Installs Debian's Chromium where it is missing, for the tests of the operators' dashboard:
//   node infra/bootstrap/browser.mjs
// No other part of the set-up needs it, so nobody else waits for it. Exit code 1, with the reason on stderr, where it can't be done.
import { SetupError } from './command.mjs';
import { ensureExtra } from './debian.mjs';
import { withLock } from './lock.mjs';

const BROWSER = { chromium: 'chromium' };

try {
  await withLock(() => ensureExtra(BROWSER));
} catch (error) {
  process.stderr.write(`setup: ${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
