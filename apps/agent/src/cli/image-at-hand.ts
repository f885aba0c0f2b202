import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Smaller is no system. */
const imageBytesMin = 1 << 20;
const entriesMax = 2_000;

/** The newest disk image in the working directory, else in ~/Downloads or the home directory; undefined where there is none. */
export function imageAtHand(directories: readonly string[] = ['.', join(homedir(), 'Downloads'), homedir()]): string | undefined {
  for (const directory of directories) {
    const [newest] = imagesIn(directory).sort((a, b) => b.changedMs - a.changedMs);
    if (newest !== undefined) return newest.path;
  }
  return undefined;
}

function imagesIn(directory: string): { path: string; changedMs: number }[] {
  try {
    const names = readdirSync(directory).slice(0, entriesMax).filter((name) => /\.(qcow2|img|raw)$/i.test(name) && !name.startsWith('-'));
    return names.flatMap((name) => {
      const path = directory === '.' ? name : join(directory, name);
      const found = statSync(path);
      return found.isFile() && found.size >= imageBytesMin ? [{ path, changedMs: found.mtimeMs }] : [];
    });
  } catch {
    return []; // A folder that cannot be read has nothing to offer: this is a hint, no more.
  }
}
