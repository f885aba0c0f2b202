// Makes this checkout ready to run on a Debian machine that has Node 20 and npm and nothing else:
//   node infra/bootstrap/bootstrap.mjs
// Does only what is not done yet, says one line for each step it takes, and is safe to run twice at the same time.
// Plain JavaScript without dependencies, because it runs before there is anything else.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT_DIR, SetupError, mustRun, say, startLog } from './command.mjs';
import { ensureSystem } from './debian.mjs';
import { withLock } from './lock.mjs';
import { NODE, ensureNpmPackages } from './packages.mjs';
import { ensurePage } from './page.mjs';
import { guestIsCurrent } from '../guest/build.mjs';

const OLDEST_NODE = 20;

/** Returns when everything is there. Throws SetupError with a message for the person at the terminal. */
export async function bootstrap() {
  const [major] = process.versions.node.split('.');
  if (Number(major) < OLDEST_NODE) throw new SetupError(`Node ${OLDEST_NODE} or newer is needed to start; this is ${process.version}`);
  await withLock(async () => {
    startLog();
    await ensureSystem();
    await ensureNpmPackages();
    // The compiler decides for itself what is older than its sources.
    await mustRun('tsc -b', NODE, [join(ROOT_DIR, 'node_modules/typescript/bin/tsc'), '-b']);
    await ensurePage();
    if (!guestIsCurrent()) {
      say('building the test guest');
      await mustRun('building the test guest', process.execPath, [join(ROOT_DIR, 'infra/guest/build.mjs')]);
    }
  });
}

/** Runs the bootstrap for a command line: false, with the reason on stderr, when it can't be done. */
export async function bootstrapOrSay() {
  try {
    await bootstrap();
    return true;
  } catch (error) {
    process.stderr.write(`setup: ${error instanceof SetupError ? error.message : error.stack}\n`);
    return false;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await bootstrapOrSay()) ? 0 : 1;
}
