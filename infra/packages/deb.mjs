// Makes the Debian packages of Godwit, with their own Node:
//   node infra/packages/deb.mjs [--out DIR] [agent] [coordinator]
// Prints the path of each. Needs dpkg-deb and a checkout that is built; no root. The same commit gives the same bytes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../bootstrap/command.mjs';
import { buildAll } from './build.mjs';
import { afterInstall, afterPurge, afterRemoval, placeContents, put, sourceEpoch, version } from './contents.mjs';
import { sizeOf } from './tree.mjs';

const MAINTAINER = 'Godwit maintainers <maintainers@godwit.invalid>';

async function build(kind, staging, outDir) {
  placeContents(kind, staging);
  writeControl(kind, staging);
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, `${kind.name}_${version}_amd64.deb`);
  await mustRun('dpkg-deb', 'dpkg-deb', ['--root-owner-group', '-Zzstd', '-z6', '--threads-max=1', '--build', staging, file], { env: { ...process.env, SOURCE_DATE_EPOCH: sourceEpoch() } });
  return file;
}

function writeControl(kind, staging) {
  const { name, depends, recommends, about: [short, ...long] } = kind;
  const lines = [`Package: ${name}`, `Version: ${version}`, 'Architecture: amd64', `Maintainer: ${MAINTAINER}`, `Installed-Size: ${Math.ceil(sizeOf(join(staging, 'usr')) / 1024)}`, `Depends: libc6 (>= 2.28), libstdc++6, ${depends}`, `Recommends: ${recommends}`, 'Section: admin', 'Priority: optional', `Description: ${short}`, ...long.map((line) => ` ${line}`)];
  put(join(staging, 'DEBIAN/control'), `${lines.join('\n')}\n`);
  const script = (...parts) => ['#!/bin/sh', 'set -e', ...parts, ''].join('\n');
  const when = (state, commands) => [`if [ "$1" = ${state} ]; then`, ...commands.map((line) => `  ${line}`), 'fi'];
  put(join(staging, 'DEBIAN/postinst'), script(...when('configure', afterInstall(kind))), 0o755);
  put(join(staging, 'DEBIAN/postrm'), script(...afterRemoval, ...when('purge', afterPurge(kind))), 0o755);
}

await buildAll(build);
