import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** Keeps what V8 compiles of the modules that are loaded from now on, for the next start: a sixth of a short command's time. Without a safe place for it nothing is kept. */
export function keepCompiledCode(): void {
  if (getCompileCacheDir() !== undefined) return; // NODE_COMPILE_CACHE has said where.
  const folder = folderForCode(homeOfUser());
  if (folder !== undefined) enableCompileCache(folder);
}

/**
 * The folder in `home`, made if it is not there; undefined where others could put something in: what lies in it is run without another look.
 * For the same reason `home` has to be the one of the user database, and not of the environment, which sudo may keep.
 */
export function folderForCode(home: string | undefined): string | undefined {
  if (home === undefined) return undefined;
  const folder = join(home, '.cache', 'godwit', 'compiled');
  try {
    if (!isOwn(home, 0o022)) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOwn(folder, 0o077) ? folder : undefined;
  } catch {
    return undefined; // There is no such home, or nothing may be written in it.
  }
}

function isOwn(path: string, forbiddenMode: number): boolean {
  const { uid, mode } = statSync(path);
  return uid === process.geteuid?.() && (mode & forbiddenMode) === 0;
}

function homeOfUser(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined; // A user without an entry.
  }
}
