// What a package of one of our programs holds: the built workspaces it needs, the npm packages these need, and Node itself.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT_DIR, SetupError } from '../bootstrap/command.mjs';

const lock = () => JSON.parse(readFileSync(join(ROOT_DIR, 'package-lock.json'), 'utf8')).packages;

/** Folders of node_modules and of workspaces, as the lock file names them, that `workspace` needs to run. Resolved as Node does. */
export function closureOf(workspace, packages = lock()) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    const entry = packages[path];
    const wanted = { ...entry.dependencies, ...entry.optionalDependencies, ...withoutOptional(entry) };
    for (const name of Object.keys(wanted)) {
      const place = resolveFrom(path, name, packages);
      if (place !== undefined) visit(packages[place].link === true ? packages[place].resolved : place);
      else if (entry.optionalDependencies?.[name] === undefined) throw new SetupError(`${path} needs ${name}, which package-lock.json does not have`);
    }
  };
  visit(workspace);
  return [...found].filter((path) => existsSync(join(ROOT_DIR, path))).sort();
}

function withoutOptional({ peerDependencies = {}, peerDependenciesMeta = {} }) {
  return Object.fromEntries(Object.entries(peerDependencies).filter(([name]) => peerDependenciesMeta[name]?.optional !== true));
}

function resolveFrom(path, name, packages) {
  for (let folder = path; ; folder = folder.includes('/') ? dirname(folder) : '') {
    const place = join(folder, 'node_modules', name);
    if (packages[place] !== undefined) return place;
    if (folder === '') return undefined;
  }
}

const ours = (path) => !path.includes('node_modules/');
/** What runs, and what says whose it is. */
const isShipped = (path) => !/(\.test|\.flow)\.(js|d\.ts)|\.d\.[cm]?ts$|\.map$|\.tsbuildinfo$|\/(testing|test|tests|__tests__|docs|example|examples|benchmarks?)(\/|$)/.test(path);

/** Copies what a kind of package needs, its launcher and Node below `target`, in the places that they have in a checkout: the launcher finds them there. */
export function copyTree({ workspace, launcher, folders }, target, { withNode = true } = {}) {
  const closure = closureOf(workspace);
  for (const path of closure) {
    const [from, to] = [join(ROOT_DIR, path), join(target, path)];
    if (!ours(path)) copyFiles(from, to, (name) => isShipped(name.slice(from.length)) && !name.slice(from.length + 1).startsWith('node_modules'));
    else {
      if (!existsSync(join(from, 'dist'))) throw new SetupError(`${path} is not built: npm run build`);
      copyFiles(join(from, 'dist'), join(to, 'dist'), (name) => isShipped(name.slice(from.length)));
      copyFiles(join(from, 'package.json'), join(to, 'package.json'));
      if (path.startsWith('libs/')) link(join(target, 'node_modules/@godwit', path.split('/')[1]), to);
    }
  }
  for (const folder of folders) {
    if (!existsSync(join(ROOT_DIR, folder))) throw new SetupError(`${folder} is not built: npm run setup`);
    copyFiles(join(ROOT_DIR, folder), join(target, folder));
  }
  copyFiles(join(ROOT_DIR, 'bin', launcher), join(target, 'bin', launcher));
  if (!withNode) return closure;
  copyFiles(join(ROOT_DIR, 'node_modules/node/bin/node'), join(target, 'node/bin/node'));
  link(join(target, 'node_modules/.bin/node'), join(target, 'node/bin/node'));
  return closure;
}

function copyFiles(from, to, filter = () => true) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true, filter });
}

function link(path, target) {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(relative(dirname(path), target), path);
}

/** The software bill of materials, CycloneDX 1.6: each npm package with its version, licence and the digest of what was fetched. */
export function billOf(closure, version, packages = lock()) {
  const components = closure.filter((path) => !ours(path)).map((path) => {
    const { version: found, license, integrity } = packages[path];
    const name = path.split('node_modules/').at(-1);
    return {
      type: 'library', name, version: found, purl: `pkg:npm/${name.replace('@', '%40')}@${found}`,
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      ...(integrity === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }] }),
    };
  });
  const { version: node } = packages['node_modules/node'];
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component: { type: 'application', name: 'godwit', version } }, components: [...components, { type: 'platform', name: 'node', version: node, purl: `pkg:npm/node@${node}` }] };
}

/** Bytes of all files below `folder`. */
export function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
