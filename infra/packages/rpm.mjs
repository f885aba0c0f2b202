// Makes the same packages as deb.mjs for systems with rpm:
//   node infra/packages/rpm.mjs [--out DIR] [agent] [coordinator]
// Prints the path of each. Needs rpmbuild (Debian: rpm) and a checkout that is built; no root. The same commit gives the same bytes.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../bootstrap/command.mjs';
import { buildAll } from './build.mjs';
import { afterInstall, afterPurge, afterRemoval, placeContents, put, sourceEpoch, version } from './contents.mjs';

async function build(kind, staging, outDir) {
  const tree = join(staging, 'tree');
  placeContents(kind, tree);
  const spec = join(staging, 'godwit.spec');
  put(spec, specOf(kind, tree));
  const settings = { _topdir: join(staging, 'top'), _dbpath: join(staging, 'db'), _rpmdir: join(staging, 'out'), _build_id_links: 'none', _buildhost: 'localhost', _binary_payload: 'w6.zstdio', use_source_date_epoch_as_buildtime: '1', clamp_mtime_to_source_date_epoch: '1', __os_install_post: '%{nil}', debug_package: '%{nil}' };
  const defines = Object.entries(settings).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await mustRun('rpmbuild', 'rpmbuild', ['-bb', '--quiet', '--target', 'x86_64', '--buildroot', join(staging, 'root'), ...defines, spec], { env: { ...process.env, SOURCE_DATE_EPOCH: sourceEpoch() } });
  mkdirSync(outDir, { recursive: true });
  const [name] = readdirSync(join(staging, 'out/x86_64'));
  copyFileSync(join(staging, 'out/x86_64', name), join(outDir, name));
  return join(outDir, name);
}

function specOf(kind, tree) {
  const { name, rpmRequires, about: [short, ...long] } = kind;
  return `${[
    `Name: ${name}`, `Version: ${version}`, 'Release: 1', `Summary: ${short}`, 'License: none chosen yet',
    // What its Node links against is on every system with glibc; what it runs as programs is named.
    'AutoReqProv: no', `Requires: ${rpmRequires}`, 'BuildArch: x86_64',
    '%description', ...long,
    '%install', 'mkdir -p %{buildroot}', `cp -al ${tree}/. %{buildroot}/`, '%clean', 'true',
    '%post', ...afterInstall(kind), '%postun', ...afterRemoval, 'if [ "$1" = 0 ]; then', ...afterPurge(kind), 'fi',
    '%files', '%defattr(-,root,root,-)', '/usr',
  ].join('\n')}\n`;
}

await buildAll(build);
