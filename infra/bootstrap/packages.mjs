// The npm packages of the lock file, and the Node of the pinned package `node`.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT_DIR, SetupError, attempt, failure, mustRun, say } from './command.mjs';

export const NODE = join(ROOT_DIR, 'node_modules/.bin/node');
const MODULES_DIR = join(ROOT_DIR, 'node_modules');

export async function ensureNpmPackages() {
  if (!modulesMatchLock()) {
    say('installing npm packages');
    await mustRun('npm ci', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { env: npmEnvironment() });
    if (!modulesMatchLock()) throw new SetupError('npm ci ended well, but node_modules is not what package-lock.json says');
  }
  await ensureNode();
}

/**
 * Compares package-lock.json with the record npm leaves in node_modules as the last step of a complete installation.
 * Packages for other systems are in the one and not in the other.
 */
function modulesMatchLock() {
  const record = join(MODULES_DIR, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT_DIR, 'package-lock.json'), 'utf8')).packages;
  const there = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/')) return true;
    const found = there[path];
    if (found === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return found.version === entry.version && found.integrity === entry.integrity && existsSync(join(ROOT_DIR, path));
  });
}

/**
 * The package `node` fetches its binary in an install script, which npm may skip (the script has to be allowed, and
 * `ignore-scripts` may be set for all of a person's work). Then the script is run here.
 */
async function ensureNode() {
  const version = JSON.parse(readFileSync(join(MODULES_DIR, 'node/package.json'), 'utf8')).version;
  if (await nodeIs(version)) return;
  say(`fetching Node ${version}`);
  const { text } = await attempt(process.execPath, ['installArchSpecificPackage'], { cwd: join(MODULES_DIR, 'node'), env: npmEnvironment() });
  if (!(await nodeIs(version))) throw failure(`fetching Node ${version}`, text);
}

async function nodeIs(version) {
  if (!existsSync(NODE)) return false;
  const { ok, text } = await attempt(NODE, ['--version']);
  return ok && text.trim() === `v${version}`;
}

/**
 * npm must not run on the Node that it is about to replace, nor with the settings of the `npm run` around it.
 */
function npmEnvironment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry|userconfig|globalconfig))/i.test(name)));
  env.PATH = (process.env.PATH ?? '').split(delimiter).filter((dir) => !dir.includes('node_modules')).join(delimiter);
  return env;
}
