import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
}

const script = 'text/javascript; charset=utf-8';

/**
 * All that the page server serves, by its path below a view: our page, and the modules of noVNC as its package has them. A list made once: what a
 * request names is looked up in it and never becomes a path of this machine.
 */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const own = join(import.meta.dirname, 'page');
  // Beside the sources: the compiler copies only what it compiles.
  const beside = join(import.meta.dirname, '..', '..', 'src', 'view', 'page');
  const files = new Map<string, PageFile>([
    ['', { type: 'text/html; charset=utf-8', bytes: readFileSync(join(beside, 'page.html')) }],
    ['page.css', { type: 'text/css; charset=utf-8', bytes: readFileSync(join(beside, 'page.css')) }],
    ['main.js', { type: script, bytes: readFileSync(join(own, 'main.js')) }],
  ]);
  const noVnc = dirname(dirname(fileURLToPath(import.meta.resolve('@novnc/novnc'))));
  for (const folder of ['core', 'vendor']) {
    for (const entry of readdirSync(join(noVnc, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.js')) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(`novnc/${relative(noVnc, path)}`, { type: script, bytes: readFileSync(path) });
    }
  }
  return files;
}
