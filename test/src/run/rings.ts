import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

/** Tests that are run in the same manner; each ring needs more of the machine than the one before. */
export interface Ring {
  readonly name: string;
  /** Built files, relative to the checkout, sorted. */
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly fileLimitMs: number;
}

const inFolders = (folders: readonly string[]): string[] => folders.map((folder) => `test/dist/${folder}/*.test.js`);
/** Tests that start emulated machines. */
const machines = inFolders(['crash', 'e2e', 'faults', 'guest', 'history', 'lease', 'offline', 'qemu', 'takeover']);
/** Tests in a real browser: `npm run test:browser` alone runs them. */
const browser = inFolders(['browser']);
/** Tests with a PostgreSQL, a Redis or an S3 of their own: `npm run test:services` alone runs them. */
const services = [...inFolders(['services']), 'apps/api/dist/backup/*.test.js', 'apps/api/dist/database/query-plans.test.js'];
/** Tests whose milliseconds count: they have the machine for themselves. */
const punctual = inFolders(['guard']);
/** Files that take long come first, the longest at the head, so that in the end nobody waits for one of them alone. */
const long = [
  'takeover/takeover', 'offline/offline', 'e2e/faults-processes', 'history/history', 'faults/campaign', 'e2e/move', 'faults/strace-acts', 'e2e/refusals', 'crash/crash', 'e2e/faults-store',
  'offline/offline-kills', 'lease/lease', 'e2e/faults-host', 'e2e/contract', 'account/coordinator', 'audit/audit', 'account/keys-at-rest', 'sim/sim', 'account/revoke', 'docs/typed',
].map((name) => `test/dist/${name}.test.js`).concat('apps/api/dist/flows.test.js', 'apps/api/dist/views.test.js', 'apps/api/dist/main.test.js');

const UNIT_LIMIT_MS = 240_000;
/** Real QEMU under software emulation, real PostgreSQL: minutes are possible, hours are not. */
const SYSTEM_LIMIT_MS = 360_000;

/**
 * Finds all built tests under `rootDir`. With `wanted`, only those whose path contains one of the words.
 * What is left in `dist` of a source that is gone is not a test any more.
 */
export function findRings(rootDir: string, wanted: readonly string[]): Ring[] {
  const find = (patterns: readonly string[], exclude: readonly string[] = []) => findFiles(rootDir, wanted, patterns, exclude);
  return [
    { name: 'unit', files: find(['libs/*/dist/**/*.test.js', 'apps/*/dist/**/*.test.js'], services), concurrency: 2, fileLimitMs: UNIT_LIMIT_MS },
    // They start servers and wait for them: one more than there are cores.
    { name: 'process', files: find(['test/dist/**/*.test.js'], [...machines, ...punctual, ...browser, ...services]), concurrency: 3, fileLimitMs: SYSTEM_LIMIT_MS },
    // An emulated guest of these tests uses a third of a core, and its agents wait for it as often as it for them. Three at once were no faster.
    { name: 'machine', files: find(machines), concurrency: 2, fileLimitMs: SYSTEM_LIMIT_MS },
    { name: 'punctual', files: find(punctual), concurrency: 1, fileLimitMs: SYSTEM_LIMIT_MS },
  ];
}

/** The ring that needs Chromium, for itself; `wanted` as above. */
export function findBrowserRing(rootDir: string, wanted: readonly string[]): Ring {
  // One at a time: each has a coordinator, agents, a guest and a browser.
  return { name: 'browser', files: findFiles(rootDir, wanted, browser), concurrency: 1, fileLimitMs: SYSTEM_LIMIT_MS };
}

/** The ring that needs Redis and an S3 server beside PostgreSQL, for itself; `wanted` as above. */
export function findServicesRing(rootDir: string, wanted: readonly string[]): Ring {
  // One at a time: each has its services and several coordinators.
  return { name: 'services', files: findFiles(rootDir, wanted, services), concurrency: 1, fileLimitMs: SYSTEM_LIMIT_MS };
}

function findFiles(rootDir: string, wanted: readonly string[], patterns: readonly string[], exclude: readonly string[] = []): string[] {
  return globSync(patterns, { cwd: rootDir, exclude })
    .filter((file) => existsSync(join(rootDir, sourceOf(file))))
    .filter((file) => wanted.length === 0 || wanted.some((word) => sourceOf(file).includes(word)))
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

function place(file: string): number {
  const found = long.indexOf(file);
  return found < 0 ? long.length : found;
}

/** The TypeScript source of a built file, which is the name people know. */
export function sourceOf(builtFile: string): string {
  return builtFile.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
}
