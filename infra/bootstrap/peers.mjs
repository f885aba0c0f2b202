// Installs the programs that `npm run bench` compares Godwit with, where they are missing:
//   node infra/bootstrap/peers.mjs
// No other part of the set-up needs them, so nobody else waits for them. Exit code 1, with the reason on stderr, where it can't be done.
import { SetupError } from './command.mjs';
import { ensureExtra } from './debian.mjs';
import { withLock } from './lock.mjs';

const PEERS = { restic: 'restic', borgbackup: 'borg', zstd: 'zstd' };

try {
  await withLock(() => ensureExtra(PEERS));
} catch (error) {
  process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
