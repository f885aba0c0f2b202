import { benchTables } from './selection.ts';
import { machineText, type FigureFile } from './figure-file.ts';
import { rowTexts, type BenchRow } from './row.ts';

/** The tables of docs/performance.md that `npm run bench` makes, between two markers. */

const begin = '<!-- made by npm run bench -- --table NAME: begin -->';
const end = '<!-- made by npm run bench -- --table NAME: end -->';

/** The page with the tables of `files` in the place of those it has; throws where it has not exactly one pair of markers. */
export function withTables(page: string, files: ReadonlyMap<string, FigureFile>): string {
  const [before, inside, ...more] = page.split(`${begin}\n`);
  const [, after, ...most] = (inside ?? '').split(`${end}\n`);
  if (before === undefined || inside === undefined || after === undefined || more.length + most.length > 0) throw new Error(`the page needs one line ${begin} and after it one line ${end}`);
  return `${before}${begin}\n${tablesText(files)}${end}\n${after}`;
}

/** In the order of the tables, those that were measured. */
export function tablesText(files: ReadonlyMap<string, FigureFile>): string {
  const unknown = [...files.keys()].filter((name) => !benchTables.some((table) => table.name === name));
  if (unknown.length > 0) throw new Error(`no table is named ${unknown.join(', ')}`);
  return benchTables.flatMap(({ name, title }) => {
    const file = files.get(name);
    return file === undefined ? [] : [tableText(title, file)];
  }).join('\n');
}

function tableText(title: string, { command, measuredOn, machine, rows, leftOut }: FigureFile): string {
  const places = new Set(rows.map(placeOf));
  const head = ['what', 'Godwit', 'peer', 'ratio', 'bar', '', 'runs', 'the peer is'];
  return [
    `### ${title}`, '', '```sh', command, '```', '',
    `Measured on ${measuredOn}, ${[...places].join('; ')}; medians. Machine: ${machineText(machine)}.`, '',
    ...[head, head.map(() => '---'), ...rows.map(rowTexts)].map((cells) => `| ${cells.join(' | ')} |`), '',
    ...leftOut.map(({ name, peerName, why }) => `Left out: ${name} against ${peerName}: ${why.split('\n')[0] ?? ''}\n`),
  ].join('\n');
}

function placeOf({ guestMiB, link, load }: BenchRow): string {
  return `${guestMiB} MiB, ${link}, ${load}`;
}
