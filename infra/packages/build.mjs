// The command line of the builders of packages: which ones, and where they go.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT_DIR, SetupError } from '../bootstrap/command.mjs';
import { KINDS } from './kinds.mjs';

/** Calls `build(kind, folder, outDir)` for each kind that was named, or for all, with a folder of its own that is removed, and prints what it made. */
export async function buildAll(build) {
  try {
    const { values, positionals } = parseArgs({ options: { out: { type: 'string', default: join(ROOT_DIR, '.cache/packages') } }, allowPositionals: true });
    const unknown = positionals.filter((name) => KINDS[name] === undefined);
    if (unknown.length > 0) throw new SetupError(`there is no package ${unknown.join(', ')}: ${Object.keys(KINDS).join(', ')}`);
    for (const name of positionals.length === 0 ? Object.keys(KINDS) : positionals) process.stdout.write(`${await inFolder((folder) => build(KINDS[name], folder, resolve(values.out)))}\n`);
  } catch (error) {
    process.stderr.write(`packages: ${error instanceof SetupError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-package-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
