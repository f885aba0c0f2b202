// Installs the services that `npm run test:services` starts private ones of, where they are missing:
//   node infra/bootstrap/services.mjs
// No other part of the set-up needs them, so nobody else waits for them. Exit code 1, with the reason on stderr, where it can't be done.
import { SetupError } from './command.mjs';
import { ensureExtra } from './debian.mjs';
import { withLock } from './lock.mjs';

const SERVICES = {
  'ceph-base': 'monmaptool',
  'ceph-common': 'ceph',
  'ceph-mon': 'ceph-mon',
  'ceph-osd': 'ceph-osd',
  openssl: 'openssl',
  prometheus: 'promtool',
  radosgw: 'radosgw',
  'redis-server': 'redis-server',
  rpm: 'rpmbuild',
};

try {
  await withLock(() => ensureExtra(SERVICES));
} catch (error) {
  process.stderr.write(`setup: ${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
