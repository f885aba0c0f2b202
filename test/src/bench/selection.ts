import { parseArgs } from 'node:util';
import { loadName, loads, sizesMiB, type Load, type SizeMiB } from './guests.ts';
import { links, loopback, type Link } from './links.ts';

/** What a call of the bench asks for. */

export interface Scenario {
  readonly size: SizeMiB;
  readonly link: Link;
  readonly load: Load;
}

export interface Selection {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  /** Only rows whose name contains it. */
  readonly only: string | undefined;
  readonly runs: number;
  readonly json: string | undefined;
}

export interface BenchTable {
  readonly name: string;
  readonly title: string;
  readonly scenario: Scenario;
}

export const fullRuns = 5;
const quickRuns = 3;

function each(sizes: readonly SizeMiB[], chosen: readonly Link[], chosenLoads: readonly Load[]): Scenario[] {
  return sizes.flatMap((size) => chosen.flatMap((link) => chosenLoads.map((load) => ({ size, link, load }))));
}

const sizeNames: Readonly<Record<SizeMiB, string>> = { 512: '512 MiB', 2048: '2 GiB', 4096: '4 GiB' };

/** The tables of docs/performance.md; `--table NAME` measures one and writes it there. */
export const benchTables: readonly BenchTable[] = [
  ...sizesMiB.map((size) => ({ name: String(size), title: `${sizeNames[size]}, idle`, scenario: { size, link: loopback, load: 'idle' as const } })),
  ...sizesMiB.map((size) => ({ name: `busy-${size}`, title: `${sizeNames[size]}, ${loadName('busy')}`, scenario: { size, link: loopback, load: 'busy' as const } })),
  ...links.filter(({ shape }) => shape !== undefined).map((link) => ({ name: `link-${link.word}`, title: `Over ${link.name}`, scenario: { size: 512 as const, link, load: 'idle' as const } })),
];

export type Call = { readonly kind: 'select'; readonly selection: Selection } | { readonly kind: 'tables'; readonly tables: readonly BenchTable[]; readonly runs: number } | { readonly kind: 'help' };

/** Reads the words after `npm run bench --`. Throws an error for a person where they make no sense. */
export function callOf(words: readonly string[]): Call {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: 'boolean', short: 'h' }, json: { type: 'string' }, quick: { type: 'boolean', default: false }, only: { type: 'string' }, runs: { type: 'string' }, table: { type: 'string' },
      size: { type: 'string', multiple: true }, link: { type: 'string', multiple: true }, load: { type: 'string', multiple: true },
    },
  });
  if (values.help === true) return { kind: 'help' };
  const runs = Number(values.runs ?? (values.quick ? quickRuns : fullRuns));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number from 1, not ${values.runs}`);
  if (values.table !== undefined) {
    const other = Object.entries(values).find(([name, value]) => !['table', 'runs'].includes(name) && value !== false);
    if (other !== undefined) throw new Error(`--table does not go with --${other[0]}: a table of the docs is always measured in the same way`);
    const tables = values.table === 'all' ? benchTables : benchTables.filter(({ name }) => name === values.table);
    if (tables.length === 0) throw new Error(`--table takes all, ${benchTables.map(({ name }) => name).join(', ')}, not ${values.table}`);
    return { kind: 'tables', tables, runs };
  }
  return { kind: 'select', selection: { scenarios: scenariosOf(values), quick: values.quick, only: values.only, runs, json: values.json } };
}

function scenariosOf({ quick, size, link, load }: { quick: boolean; size?: string[]; link?: string[]; load?: string[] }): Scenario[] {
  if (!quick && size === undefined && link === undefined && load === undefined) return benchTables.map(({ scenario }) => scenario);
  const sizes = chosen('size', size ?? ['512'], sizesMiB.map((known) => [String(known), known] as const));
  const chosenLinks = (link ?? ['loopback']).includes('shaped') ? links.filter(({ shape }) => shape !== undefined) : chosen('link', link ?? ['loopback'], links.map((known) => [known.word, known] as const));
  return each(sizes, chosenLinks, chosen('load', load ?? ['idle'], loads.map((known) => [known, known] as const)));
}

function chosen<Known>(option: string, words: readonly string[], known: readonly (readonly [string, Known])[]): Known[] {
  return words.map((word) => {
    const found = known.find(([name]) => name === word);
    if (found === undefined) throw new Error(`--${option} takes ${known.map(([name]) => name).join(', ')}, not ${word}`);
    return found[1];
  });
}

export const usage = `npm run bench -- [--json FILE] [--quick] [--only NAME] [--size MIB] [--link LINK] [--load LOAD] [--runs N]
npm run bench -- --table NAME [--runs N]

What Godwit takes and what its peers take for the same guest, in one run on this machine. Nothing else should run meanwhile.
  --json FILE   writes machine and rows[] there
  --quick       512 MiB, ${quickRuns} runs, at most 5 minutes
  --only NAME   only rows whose name contains NAME, and only what they need is measured
  --size MIB    of the guest's memory: ${sizesMiB.join(', ')} (512)
  --link LINK   ${links.map(({ word, name }) => (word === name ? word : `${word} (${name})`)).join(', ')}, or shaped for all but the first (loopback)
  --load LOAD   ${loads.join(', ')} (idle)
  --runs N      of each measurement (${fullRuns})
  --table NAME  measures one table of docs/performance.md and writes it there: all, ${benchTables.map(({ name }) => name).join(', ')}
Sizes, links and loads may be named more than once. Without any of them: everything that the tables have, which takes hours.
`;
