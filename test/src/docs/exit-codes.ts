import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodeMeanings } from '@godwit/agent';
import { faultCodes, type FaultCode, type FaultEntry } from '@godwit/base';
import { root } from '../tidy/sources.ts';

export const operationsPath = 'docs/operations.md';
const sourcePath = 'apps/agent/src/cli/exit-code.ts';
const opening = /^<!-- exit codes: .*-->$/m;
const closing = '<!-- end of exit codes -->';

export interface ExitCodes {
  /** Name to number, in the order of the source. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Fault code, or kind, to the name of its exit code; what is not in here has failed. */
  readonly byFault: ReadonlyMap<string, string>;
}

/** The tables of the CLI, as its source has them. */
export function readExitCodes(source = readFileSync(join(root, sourcePath), 'utf8')): ExitCodes {
  const tables = source.slice(source.indexOf('export const exitCodes'));
  const numbers = new Map([...tables.matchAll(/^ {2}(\w+): (\d+),$/gm)].map(([, name, number]) => [name!, Number(number)]));
  const byFault = new Map([...tables.matchAll(/^ {2}(\w+): exitCodes\.(\w+),$/gm)].map(([, fault, name]) => [fault!, name!]));
  return { numbers, byFault };
}

/** The table for people. Throws for an exit code that nobody has explained. */
export function exitCodeTable({ numbers, byFault }: ExitCodes = readExitCodes()): string {
  const faults = Object.entries(faultCodes as Readonly<Record<FaultCode, FaultEntry>>).map(([code, { kind }]) => [code, byFault.get(code) ?? byFault.get(kind) ?? 'failed'] as const);
  const rows = [...numbers].map(([name, number]) => {
    const meaning = (exitCodeMeanings as Readonly<Record<string, string>>)[name];
    if (meaning === undefined) throw new Error(`${sourcePath}: nobody says what exit code ${name} means`);
    const codes = faults.filter(([, exit]) => exit === name).map(([code]) => `\`${code}\``);
    return `| ${number} | ${meaning} | ${name === 'failed' ? 'every other' : codes.join(', ')} |`;
  });
  return ['| exit code | meaning | errors |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The page with `table` between its two marks. Throws where the marks are missing. */
export function withTable(page: string, table: string): string {
  const start = opening.exec(page);
  const end = page.indexOf(closing);
  if (start === null || end < start.index) throw new Error(`${operationsPath} has no place for the exit codes`);
  return `${page.slice(0, start.index + start[0].length)}\n${table}\n${page.slice(end)}`;
}
