/**
 * Runs all tests: `npm test`, or `npm test -- WORD...` for those whose path contains one of the words. Two rings are not among them, because
 * they need what nothing else needs: with `--browser` first it runs those in a real browser instead (`npm run test:browser`), with
 * `--services` those on a Redis, an S3 and a PostgreSQL of their own (`npm run test:services`).
 * The last line is always `N passed, N failed`, with `, N skipped` only where there are such.
 */
import { join } from 'node:path';
import { endRunningFiles, runTestFile, type FileResult } from './file-run.ts';
import { findBrowserRing, findRings, findServicesRing, sourceOf, type Ring } from './rings.ts';

const ROOT_DIR = join(import.meta.dirname, '../../..');

/** Rings that are run only when they are asked for. */
const ownRings: Readonly<Record<string, typeof findBrowserRing>> = { '--browser': findBrowserRing, '--services': findServicesRing };

const total = { passed: 0, failed: 0, skipped: 0 };

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function count(label: string, result: FileResult): void {
  total.passed += result.passed;
  total.failed += result.failures.length;
  total.skipped += result.skipped;
  const parts = [`${result.passed} passed`];
  if (result.failures.length > 0) parts.push(`${result.failures.length} failed`);
  if (result.skipped > 0) parts.push(`${result.skipped} skipped`);
  print(`${result.failures.length === 0 ? 'ok  ' : 'FAIL'} ${label}  ${parts.join(', ')}  ${(result.durationMs / 1000).toFixed(1)} s`);
  for (const note of result.notes) print(`       ${note}`);
  for (const failure of result.failures) print(indent(`${failure.name}\n${indent(failure.detail)}`));
  if (result.failures.length > 0 && result.output.trim() !== '') print(indent(`it printed:\n${indent(result.output.trimEnd())}`));
}

function indent(text: string): string {
  return text.replace(/^/gm, '     ');
}

async function runRing(ring: Ring): Promise<void> {
  const waiting = [...ring.files];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      count(sourceOf(file), await runTestFile(join(ROOT_DIR, file), ring.fileLimitMs));
    }
  };
  await Promise.all(Array.from({ length: ring.concurrency }, work));
}

async function main(words: readonly string[]): Promise<void> {
  const ownRing = ownRings[words[0] ?? ''];
  const wanted = ownRing === undefined ? words : words.slice(1);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      endRunningFiles();
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  }
  for (const ring of ownRing === undefined ? findRings(ROOT_DIR, wanted) : [ownRing(ROOT_DIR, wanted)]) {
    const startedMs = performance.now();
    await runRing(ring);
    if (ring.files.length > 0) print(`     ring ${ring.name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  }

  const ran = total.passed + total.failed + total.skipped;
  if (ran === 0) print(wanted.length === 0 ? 'there are no tests' : `no test's path contains ${wanted.join(' or ')}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  print(`${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exitCode = total.failed > 0 || ran === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
