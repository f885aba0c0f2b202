/**
 * `npm run bench`: what Godwit takes and what its peers take for the same guest, in one run on this machine. `npm run bench -- --help` says
 * what can be chosen. Nothing else should run meanwhile.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeCapabilities, type HostCapabilities } from '@godwit/agent';
import { silentLog } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import { machineNow, machineText, type FigureFile } from './figure-file.ts';
import { keepFigures } from './performance-files.ts';
import { benchTable, type BenchRow } from './row.ts';
import { endAll, endAllOnSignals, endWithBench } from './running.ts';
import { measureScenario, type LeftOut } from './scenario.ts';
import { rowNames } from './rows.ts';
import { callOf, fullRuns, usage, type Call, type Selection } from './selection.ts';

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

async function measure(selection: Omit<Selection, 'json'>, command: string, host: HostCapabilities): Promise<FigureFile> {
  const machine = machineNow(host);
  const [rows, leftOut]: [BenchRow[], LeftOut[]] = [[], []];
  for (const scenario of selection.scenarios) {
    const measured = await measureScenario(scenario, { ...selection, host, tell });
    rows.push(...measured.rows);
    leftOut.push(...measured.leftOut);
    if (measured.failed !== undefined) process.exitCode = 1;
  }
  process.stdout.write(`${machineText(machine)}\n\n${benchTable(rows)}\n`);
  for (const { name, peerName, why } of leftOut) process.stdout.write(`left out: ${name} against ${peerName}: ${why}\n`);
  return { command, measuredOn: new Date().toISOString().slice(0, 10), machine, rows, leftOut };
}

async function main(words: readonly string[]): Promise<void> {
  const call = callOf(words);
  if (call.kind === 'help') {
    process.stdout.write(`${usage}Rows: ${rowNames.join('; ')}\n`);
    return;
  }
  const only = call.kind === 'select' ? call.selection.only : undefined;
  if (only !== undefined && !rowNames.some((name) => name.includes(only))) throw new Error(`no row's name contains ${only}; there are: ${rowNames.join('; ')}`);
  endAllOnSignals();
  await cryptoReady();
  const scratchDirectory = mkdtempSync('/tmp/godwit-p-');
  endWithBench(() => rmSync(scratchDirectory, { recursive: true, force: true }));
  try {
    const host = await probeCapabilities({ program: 'qemu-system-x86_64', privilege: { kind: 'self' }, scratchDirectory: join(scratchDirectory, 'probe'), log: silentLog });
    await measureAll(call, words, host);
  } finally {
    await endAll();
  }
}

async function measureAll(call: Exclude<Call, { kind: 'help' }>, words: readonly string[], host: HostCapabilities): Promise<void> {
  if (call.kind === 'tables') {
    const { runs } = call;
    for (const { name, scenario } of call.tables) {
      const command = `npm run bench -- --table ${name}${runs === fullRuns ? '' : ` --runs ${runs}`}`;
      keepFigures(name, await measure({ scenarios: [scenario], quick: false, only: undefined, runs }, command, host));
      tell(`docs/figures/${name}.json and docs/performance.md are written`);
    }
    return;
  }
  const file = await measure(call.selection, ['npm run bench --', ...words].join(' '), host);
  if (call.selection.json !== undefined) writeFileSync(call.selection.json, `${JSON.stringify(file, undefined, 2)}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
