import { basename } from 'node:path';
import { faultRows, type FaultTableRow } from './fault-rows.ts';
import { rows, type NamedTest, type Row } from './rows.ts';

/** The two tables of `docs/threat-model.md`, which `write-threat-model.ts` puts between these lines. */

export const pagePath = 'docs/threat-model.md';
const begin = '<!-- rows: test/src/threats/rows.ts; written by write-threat-model.ts -->';
const end = '<!-- end of rows -->';
const beginFaults = '<!-- faults: test/src/threats/fault-rows.ts; written by write-threat-model.ts -->';
const endFaults = '<!-- end of faults -->';

function linked([file, name]: NamedTest): string {
  return `[${basename(file)}](../${file}): ${name.replaceAll(/\$\{[\w.]+\}/g, '...')}`;
}

export function renderRow({ by, action, outcome, tests, notYet }: Row): string {
  const proofs = tests.map(linked);
  const rest = notYet === undefined ? [] : [`**not yet**: ${notYet}`];
  return `| ${by} | ${action} | ${outcome} | ${[...proofs, ...rest].join('; <br>')} |`;
}

export function renderFaultRow({ row, faults, tests, notYet }: FaultTableRow): string {
  const runs = faults.map(({ name, does, quickRuns, fullRuns }) => `\`${name}\` (${quickRuns}, ${fullRuns}): ${does}`);
  const rest = notYet === undefined ? [] : [`**not yet**: ${notYet}`];
  return `| ${row} | ${[...runs, ...tests.map(linked), ...rest].join('; <br>')} |`;
}

/** The page with its tables as the rows are now. Throws where their lines are not there. */
export function withRows(page: string): string {
  const attacks = ['| by | action | outcome | test |', '| --- | --- | --- | --- |', ...rows.map(renderRow)];
  const faults = ['| fault | what is done, with its runs in a quick and in a full campaign; tests beside it |', '| --- | --- |', ...faultRows.map(renderFaultRow)];
  return between(between(page, [begin, end], attacks), [beginFaults, endFaults], faults);
}

function between(page: string, [begins, ends]: readonly [string, string], lines: readonly string[]): string {
  const [from, to] = [page.indexOf(begins), page.indexOf(ends)];
  if (from < 0 || to < from) throw new Error(`${pagePath} has no place for ${begins}`);
  return `${page.slice(0, from + begins.length)}\n${lines.join('\n')}\n${page.slice(to)}`;
}
