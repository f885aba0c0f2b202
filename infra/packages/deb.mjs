// Makes the Debian packages of Godwit, with their own Node:
//   node infra/packages/deb.mjs [--out DIR] [agent] [coordinator]
// Prints the path of each. Needs dpkg-deb and a checkout that is built; no root. The same commit gives the same bytes.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ROOT_DIR, SetupError, mustRun } from '../bootstrap/command.mjs';
import { KINDS } from './kinds.mjs';
import { billOf, copyTree, sizeOf } from './tree.mjs';

const { version } = JSON.parse(readFileSync(join(ROOT_DIR, 'package.json'), 'utf8'));
const MAINTAINER = 'Godwit maintainers <maintainers@godwit.invalid>';

async function build(kind, outDir) {
  const parts = KINDS[kind];
  const staging = mkdtempSync(join(tmpdir(), 'godwit-deb-'));
  try {
    const place = (path) => join(staging, path);
    const library = `usr/lib/${parts.name}`;
    const closure = copyTree(parts, place(library));
    for (const [path, source] of Object.entries(parts.files)) put(place(path), readFileSync(join(ROOT_DIR, source)).toString().replaceAll('/usr/lib/godwit/', `/${library}/`));
    mkdirSync(place('usr/bin'), { recursive: true });
    symlinkSync(`../lib/${parts.name}/bin/${parts.launcher}`, place(`usr/bin/${parts.launcher}`));
    if (kind === 'agent') putHelp(place);
    put(place(`usr/share/doc/${parts.name}/sbom.cdx.json`), `${JSON.stringify(billOf(closure, version), undefined, 1)}\n`);
    put(place(`usr/share/doc/${parts.name}/copyright`), 'No licence has been chosen for Godwit yet. Those of what it brings along stand beside it below /usr/lib, and in sbom.cdx.json.\n');
    writeControl(place, parts);
    return await pack(staging, join(outDir, `${parts.name}_${version}_amd64.deb`));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The man page, and completions where the shells look for them. */
function putHelp(place) {
  put(place('usr/share/man/man1/godwit.1.gz'), gzipSync(readFileSync(join(ROOT_DIR, 'docs/man/godwit.1')), { level: 9 }));
  const completions = { bash: 'usr/share/bash-completion/completions/godwit', zsh: 'usr/share/zsh/vendor-completions/_godwit', fish: 'usr/share/fish/vendor_completions.d/godwit.fish' };
  for (const [shell, path] of Object.entries(completions)) {
    put(place(path), execFileSync(join(ROOT_DIR, 'bin/godwit'), ['completion', shell]));
  }
}

function put(path, content, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function writeControl(place, { name, depends, recommends, about: [short, ...long], keys, files }) {
  const lines = [`Package: ${name}`, `Version: ${version}`, 'Architecture: amd64', `Maintainer: ${MAINTAINER}`, `Installed-Size: ${Math.ceil(sizeOf(place('usr')) / 1024)}`, `Depends: libc6 (>= 2.28), libstdc++6, ${depends}`, `Recommends: ${recommends}`, 'Section: admin', 'Priority: optional', `Description: ${short}`, ...long.map((line) => ` ${line}`)];
  put(place('DEBIAN/control'), `${lines.join('\n')}\n`);
  const hasUdev = Object.keys(files).some((path) => path.includes('/udev/'));
  // Nothing is fetched, and nothing is started for anybody: who may run what is decided by a person.
  const afterwards = [
    ...(Object.keys(files).some((path) => path.includes('/sysusers.d/')) ? ['if command -v systemd-sysusers >/dev/null; then systemd-sysusers godwit.conf; fi'] : []),
    ...(hasUdev ? ['if command -v udevadm >/dev/null; then udevadm control --reload || true; udevadm trigger --name-match=userfaultfd || true; fi'] : []),
    'if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi',
  ];
  put(place('DEBIAN/postinst'), `#!/bin/sh\nset -e\nif [ "$1" = configure ]; then\n${afterwards.map((line) => `  ${line}`).join('\n')}\nfi\n`, 0o755);
  put(place('DEBIAN/postrm'), `#!/bin/sh\nset -e\nif [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi\nif [ "$1" = purge ]; then\n  # Keys and desktops of people are not a package's to delete.\n  echo "${keys}"\nfi\n`, 0o755);
}

async function pack(staging, file) {
  mkdirSync(dirname(file), { recursive: true });
  // Times of files are clamped to it, and owners are root's: the same commit gives the same bytes.
  const epoch = process.env.SOURCE_DATE_EPOCH ?? execFileSync('git', ['-C', ROOT_DIR, 'log', '-1', '--format=%ct']).toString().trim();
  for (const entry of readdirSync(staging, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile() && !path.includes('/DEBIAN/')) chmodSync(path, /\/bin\/[a-z-]+$/.test(path) ? 0o755 : 0o644);
  }
  chmodSync(staging, 0o755);
  await mustRun('dpkg-deb', 'dpkg-deb', ['--root-owner-group', '-Zzstd', '-z6', '--threads-max=1', '--build', staging, file], { env: { ...process.env, SOURCE_DATE_EPOCH: epoch } });
  return file;
}

try {
  const { values, positionals } = parseArgs({ options: { out: { type: 'string', default: join(ROOT_DIR, '.cache/packages') } }, allowPositionals: true });
  const unknown = positionals.filter((kind) => KINDS[kind] === undefined);
  if (unknown.length > 0) throw new SetupError(`there is no package ${unknown.join(', ')}: ${Object.keys(KINDS).join(', ')}`);
  for (const kind of positionals.length === 0 ? Object.keys(KINDS) : positionals) process.stdout.write(`${await build(kind, resolve(values.out))}\n`);
} catch (error) {
  process.stderr.write(`packages: ${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
