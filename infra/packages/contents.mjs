// What a package puts into a system and what it does there, whatever its format.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT_DIR } from '../bootstrap/command.mjs';
import { billOf, copyTree } from './tree.mjs';

export const { version } = JSON.parse(readFileSync(join(ROOT_DIR, 'package.json'), 'utf8'));

/** Seconds since 1970 of the commit: times of files are clamped to it, so the same commit gives the same bytes. */
export function sourceEpoch() {
  return process.env.SOURCE_DATE_EPOCH ?? execFileSync('git', ['-C', ROOT_DIR, 'log', '-1', '--format=%ct']).toString().trim();
}

/** Fills `root`, which is to become `/`. */
export function placeContents(kind, root) {
  const place = (path) => join(root, path);
  const library = `usr/lib/${kind.name}`;
  const closure = copyTree(kind, place(library));
  for (const [path, source] of Object.entries(kind.files)) put(place(path), readFileSync(join(ROOT_DIR, source)).toString().replaceAll('/usr/lib/godwit/', `/${library}/`));
  mkdirSync(place('usr/bin'), { recursive: true });
  symlinkSync(`../lib/${kind.name}/bin/${kind.launcher}`, place(`usr/bin/${kind.launcher}`));
  if (kind.launcher === 'godwit') putHelp(place);
  put(place(`usr/share/doc/${kind.name}/sbom.cdx.json`), `${JSON.stringify(billOf(closure, version), undefined, 1)}\n`);
  put(place(`usr/share/doc/${kind.name}/copyright`), 'No licence has been chosen for Godwit yet. Those of what it brings along stand beside it below /usr/lib, and in sbom.cdx.json.\n');
  setModes(root);
}

/** The man page, and completions where the shells look for them. */
function putHelp(place) {
  put(place('usr/share/man/man1/godwit.1.gz'), gzipSync(readFileSync(join(ROOT_DIR, 'docs/man/godwit.1')), { level: 9 }));
  const completions = { bash: 'usr/share/bash-completion/completions/godwit', zsh: 'usr/share/zsh/vendor-completions/_godwit', fish: 'usr/share/fish/vendor_completions.d/godwit.fish' };
  for (const [shell, path] of Object.entries(completions)) put(place(path), execFileSync(join(ROOT_DIR, 'bin/godwit'), ['completion', shell]));
}

export function put(path, content, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

/** Whatever mask built the checkout. */
function setModes(root) {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, /\/bin\/[a-z-]+$/.test(path) ? 0o755 : 0o644);
  }
  chmodSync(root, 0o755);
}

const reload = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi';

/** Lines of shell for after an installation. Nothing is fetched, and nothing is started for anybody: who may run what is decided by a person. */
export function afterInstall({ files }) {
  const has = (part) => Object.keys(files).some((path) => path.includes(part));
  return [
    ...(has('/sysusers.d/') ? ['if command -v systemd-sysusers >/dev/null; then systemd-sysusers godwit.conf; fi'] : []),
    ...(has('/udev/') ? ['if command -v udevadm >/dev/null; then udevadm control --reload || true; udevadm trigger --name-match=userfaultfd || true; fi'] : []),
    reload,
  ];
}

export const afterRemoval = [reload];

/** When it is gone for good. Keys and desktops of people are not a package's to delete. */
export function afterPurge({ keys }) {
  return [`echo "${keys}"`];
}
