import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { FigureFile } from './figure-file.ts';
import { withTables } from './performance-page.ts';

const docs = resolve(import.meta.dirname, '..', '..', '..', 'docs');
const figures = join(docs, 'figures');
const page = join(docs, 'performance.md');

/** The page as it is, and as the figures beside it make it. */
export function readPerformancePage(): { readonly is: string; readonly shouldBe: string } {
  const names = existsSync(figures) ? readdirSync(figures).filter((file) => file.endsWith('.json')) : [];
  const files = new Map(names.map((file) => [file.replace(/\.json$/, ''), JSON.parse(readFileSync(join(figures, file), 'utf8')) as FigureFile]));
  const is = readFileSync(page, 'utf8');
  return { is, shouldBe: withTables(is, files) };
}

/** Keeps the figures of one table, and makes the page's tables anew. */
export function keepFigures(name: string, file: FigureFile): void {
  mkdirSync(figures, { recursive: true });
  writeFileSync(join(figures, `${name}.json`), `${JSON.stringify(file, undefined, 2)}\n`);
  writeFileSync(page, readPerformancePage().shouldBe);
}
