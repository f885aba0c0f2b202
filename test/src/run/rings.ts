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

const UNIT_LIMIT_MS = 120_000;
/** Real QEMU under software emulation, real PostgreSQL: minutes are possible, hours are not. */
const SYSTEM_LIMIT_MS = 360_000;

/**
 * Finds all built tests under `rootDir`. With `wanted`, only those whose path contains one of the words.
 * What is left in `dist` of a source that is gone is not a test any more.
 */
export function findRings(rootDir: string, wanted: readonly string[]): Ring[] {
  const find = (patterns: readonly string[]) => globSync(patterns, { cwd: rootDir })
    .filter((file) => existsSync(join(rootDir, sourceOf(file))))
    .filter((file) => wanted.length === 0 || wanted.some((word) => sourceOf(file).includes(word)))
    .sort();
  return [
    { name: 'unit', files: find(['libs/*/dist/**/*.test.js', 'apps/*/dist/**/*.test.js']), concurrency: 2, fileLimitMs: UNIT_LIMIT_MS },
    // One at a time: they measure, and two emulated machines on two cores would measure each other.
    { name: 'system', files: find(['test/dist/**/*.test.js']), concurrency: 1, fileLimitMs: SYSTEM_LIMIT_MS },
  ];
}

/** The TypeScript source of a built file, which is the name people know. */
export function sourceOf(builtFile: string): string {
  return builtFile.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
}
