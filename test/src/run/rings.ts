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

/** Tests that start emulated machines. */
const machineFolders = ['e2e', 'guest', 'history', 'qemu'].map((folder) => `test/dist/${folder}/*.test.js`);

const UNIT_LIMIT_MS = 120_000;
/** Real QEMU under software emulation, real PostgreSQL: minutes are possible, hours are not. */
const SYSTEM_LIMIT_MS = 360_000;

/**
 * Finds all built tests under `rootDir`. With `wanted`, only those whose path contains one of the words.
 * What is left in `dist` of a source that is gone is not a test any more.
 */
export function findRings(rootDir: string, wanted: readonly string[]): Ring[] {
  const find = (patterns: readonly string[], exclude: readonly string[] = []) => globSync(patterns, { cwd: rootDir, exclude })
    .filter((file) => existsSync(join(rootDir, sourceOf(file))))
    .filter((file) => wanted.length === 0 || wanted.some((word) => sourceOf(file).includes(word)))
    .sort();
  return [
    { name: 'unit', files: find(['libs/*/dist/**/*.test.js', 'apps/*/dist/**/*.test.js']), concurrency: 2, fileLimitMs: UNIT_LIMIT_MS },
    { name: 'process', files: find(['test/dist/**/*.test.js'], machineFolders), concurrency: 2, fileLimitMs: SYSTEM_LIMIT_MS },
    // One at a time: two emulated machines on two cores would wait for each other.
    { name: 'machine', files: find(machineFolders), concurrency: 1, fileLimitMs: SYSTEM_LIMIT_MS },
  ];
}

/** The TypeScript source of a built file, which is the name people know. */
export function sourceOf(builtFile: string): string {
  return builtFile.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
}
