import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, systemClock } from '@godwit/base';
import type { ControlCommand, ControlResult } from '@godwit/wire';
import { askAgent } from '../daemon/control-client.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { tell } from './ask.ts';
import { bugReport, reportParts } from './bug-report.ts';
import { bytesText, table } from './figures.ts';
import type { Common, Shell } from './shell.ts';

/** `godwit bugreport`: one file for whoever helps. It is sent nowhere. */

const logTailBytes = 256 * 1024;

export function bugReportCommand({ program, add, fail }: Shell): void {
  add('bugreport', 'write a file for whoever helps you, without names, addresses or keys; it is sent nowhere')
    .option('--output <file>', 'where to; it must not be there yet')
    .action(async (options: Common & { output?: string }) => {
      try {
        tell(await writeReport(program.version() ?? '', options));
      } catch (error) {
        fail(error, options);
      }
    });
}

async function writeReport(godwit: string, { output, json }: Common & { output?: string }): Promise<string> {
  const { logFile, controlSocket } = homeAt(defaultHomeDirectory(process.env));
  const report = bugReport({ godwit, status: await asked(controlSocket, 'status', { name: null }), doctor: await asked(controlSocket, 'doctor', {}), logLines: tailOf(logFile) });
  const file = resolve(output ?? `godwit-report-${new Date(systemClock.wallMs()).toISOString().replace(/[-:]|\.\d+/g, '')}.json`);
  const text = `${JSON.stringify(report, null, 1)}\n`;
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new Fault('ARGUMENT_INVALID', { subject: '--output', expected: 'a new file in a folder that can be written', found: `${file}: ${(error as NodeJS.ErrnoException).code ?? 'refused'}`, hint: 'name another with --output' });
  }
  const parts = Object.entries(reportParts).map(([name, what]) => ({ name, what }));
  const lengthBytes = Buffer.byteLength(text);
  if (json === true) return JSON.stringify({ file, lengthBytes, parts });
  return [`Written to ${file} (${bytesText(lengthBytes)}), for you alone to read. In it is:`, table(parts.map(({ name, what }) => ['', name, what])), 'Nothing was sent. Read it, then give it to whoever helps you.'].join('\n');
}

/** What the agent says, or why it says nothing: a report of an agent that is down is a report too. */
async function asked<Command extends ControlCommand & ('status' | 'doctor')>(socket: string, command: Command, args: Parameters<typeof askAgent<Command>>[2]): Promise<ControlResult<Command> | Fault> {
  try {
    return await askAgent(socket, command, args, () => undefined);
  } catch (error) {
    return Fault.from(error);
  }
}

/** The last lines, at most 256 KiB of them; none where there is no log. */
function tailOf(path: string): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, logTailBytes));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, read).split('\n');
  } finally {
    closeSync(file);
  }
}
