// The operators' page: what vite makes of apps/dashboard and of the part of libs/wire that it knows.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT_DIR, mustRun, say } from './command.mjs';
import { NODE } from './packages.mjs';

const PAGE_DIR = join(ROOT_DIR, 'apps/dashboard');
const STAMP = join(PAGE_DIR, 'dist/page.json');
const SOURCES = ['apps/dashboard/src', 'apps/dashboard/public', 'libs/wire/src', 'apps/dashboard/index.html', 'apps/dashboard/vite.config.mjs', 'apps/dashboard/package.json', 'package-lock.json'];

/** Builds the page unless it was built from these very sources. Needs what tsc makes of libs/wire. */
export async function ensurePage() {
  const sources = sourcesHash();
  if (existsSync(STAMP) && existsSync(join(PAGE_DIR, 'dist/page/index.html')) && JSON.parse(readFileSync(STAMP, 'utf8')).sources === sources) return;
  say("building the operators' page");
  rmSync(STAMP, { force: true });
  await mustRun('vite build', NODE, [join(ROOT_DIR, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], { cwd: PAGE_DIR });
  writeFileSync(STAMP, JSON.stringify({ sources }));
}

function sourcesHash() {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((path) => filesOf(join(ROOT_DIR, path)))) {
    hash.update(`${relative(ROOT_DIR, file)}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function filesOf(path) {
  if (/\.\w+$/.test(path)) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
