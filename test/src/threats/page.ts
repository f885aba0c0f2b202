import { basename } from 'node:path';
import { rows, type Row } from './rows.ts';

/** The table of `docs/threat-model.md`, which `write-threat-model.ts` puts between these two lines. */

export const pagePath = 'docs/threat-model.md';
const begin = '<!-- rows: test/src/threats/rows.ts; written by write-threat-model.ts -->';
const end = '<!-- end of rows -->';

export function renderRow({ by, action, outcome, tests, notYet }: Row): string {
  const proofs = tests.map(([file, name]) => `[${basename(file)}](../${file}): ${name.replaceAll('${what}', '...')}`);
  const rest = notYet === undefined ? [] : [`**not yet**: ${notYet}`];
  return `| ${by} | ${action} | ${outcome} | ${[...proofs, ...rest].join('; <br>')} |`;
}

/** The page with its table as the rows are now. Throws where the two lines are not there. */
export function withRows(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${pagePath} has no place for the rows`);
  const table = ['| by | action | outcome | test |', '| --- | --- | --- | --- |', ...rows.map(renderRow)].join('\n');
  return `${page.slice(0, from + begin.length)}\n${table}\n${page.slice(to)}`;
}
