#!/usr/bin/env node
import { Fault, jsonLog, printable } from '@godwit/base';
import type { RunningCoordinator } from './coordinator.ts';
import { parseCommandLine, usage } from './options.ts';

/** `godwit-coordinator`: starts, says so in one line, and stops cleanly at SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const line = parseCommandLine(process.argv.slice(2), process.env, process.getuid?.() === 0);
  if (line.help) {
    process.stdout.write(usage);
    return;
  }
  const log = jsonLog((text) => process.stderr.write(text), line.logLevel);
  const stopAsked = new Promise<void>((resolve) => {
    // A second signal while it stops changes nothing: the database is being shut down in order.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
  });
  // Only now: what is wrong with the command line is said before a server is loaded.
  const { startCoordinator } = await import('./coordinator.ts');
  const running = await startCoordinator({ ...line, log });
  announce(running, line.json);
  await stopAsked;
  await running.close();
}

function announce({ url, audience }: RunningCoordinator, json: boolean): void {
  process.stdout.write(json ? `${JSON.stringify({ ready: true, url, audience, pid: process.pid })}\n` : `godwit-coordinator: ready at ${url}\n`);
}

try {
  await main();
} catch (error) {
  const fault = Fault.from(error);
  process.stderr.write(`godwit-coordinator: error: ${printable(fault.message)} [${fault.code}]\ngodwit-coordinator: hint: ${printable(fault.hint)}\n`);
  if (fault.kind === 'internal') process.stderr.write(`${fault.cause instanceof Error ? fault.cause.stack : String(fault.cause)}\n`);
  process.exitCode = 1;
}
