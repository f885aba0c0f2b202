#!/usr/bin/env node
import { Fault, jsonLog, printable } from '@godwit/base';
import { beginTraces, tracedLog } from '@godwit/base/trace';
import type { RunningCoordinator } from './coordinator.ts';
import { parseCommandLine, usage } from './options.ts';
import { trustOwnAuthority } from './s3/s3-settings.ts';

/** `godwit-coordinator`: starts, says so in one line, and stops cleanly at SIGTERM or SIGINT; a second one ends the wait before that. */
async function main(): Promise<void> {
  const [words, isRoot] = [process.argv.slice(2), process.getuid?.() === 0];
  if (words[0] === 'invite') {
    const { invite } = await import('./operators/invite-command.ts');
    process.stdout.write(await invite(words.slice(1), process.env, isRoot));
    return;
  }
  if (words[0] === 'backup' || words[0] === 'restore') {
    const { backupCommand } = await import('./backup/backup-command.ts');
    process.stdout.write(await backupCommand(words, process.env, isRoot));
    return;
  }
  if (words[0] === 'store') {
    const { storeCommand } = await import('./s3/store-command.ts');
    const { text, exitCode } = await storeCommand(words.slice(1), process.env);
    process.stdout.write(text);
    process.exitCode = exitCode;
    return;
  }
  if (words[0] === 'quota') {
    const { quotaCommand } = await import('./quotas/quota-command.ts');
    process.stdout.write(await quotaCommand(words.slice(1), process.env, isRoot));
    return;
  }
  if (words[0] === 'jobs') {
    const { jobsCommand } = await import('./jobs/jobs-command.ts');
    process.stdout.write(await jobsCommand(words.slice(1), process.env, isRoot));
    return;
  }
  if (words[0] === 'notify') {
    const { notifyCommand } = await import('./notify/notify-command.ts');
    const { text, exitCode } = await notifyCommand(words.slice(1), process.env);
    process.stdout.write(text);
    process.exitCode = exitCode;
    return;
  }
  const line = parseCommandLine(words, process.env, isRoot);
  if (line.help) {
    process.stdout.write(usage);
    return;
  }
  if (line.s3 !== undefined || line.secondBucket !== undefined) trustOwnAuthority(process.env);
  const log = tracedLog(jsonLog((text) => process.stderr.write(text), line.logLevel));
  const [stopAsked, hurried] = signals();
  // Only now: what is wrong with the command line is said before a server is loaded.
  const [{ startCoordinator }, { coordinatorVersion }] = await Promise.all([import('./coordinator.ts'), import('./coordinator-identity.ts')]);
  const endTraces = await beginTraces({ name: 'godwit-coordinator', version: coordinatorVersion }, process.env);
  const running = await startCoordinator({ ...line, log });
  announce(running, line.json);
  await askForFirst(running, line.json);
  await stopAsked;
  await running.drain(line.drainMs, hurried);
  await running.close();
  await endTraces();
}

/** Resolve with the first and the second signal. Any more change nothing: the database is being shut down in order. */
function signals(): readonly [Promise<void>, Promise<void>] {
  const [first, second] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let count = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ((count += 1) === 1 ? first : second).resolve(undefined));
  return [first.promise, second.promise];
}

function announce({ url, audience, metricsUrl }: RunningCoordinator, json: boolean): void {
  process.stdout.write(json ? `${JSON.stringify({ ready: true, url, audience, metricsUrl, pid: process.pid })}\n` : `godwit-coordinator: ready at ${url}\n`);
}

/** Until somebody operates it, whoever sees what it prints may become its first admin. */
async function askForFirst({ origin, inviteFirst }: RunningCoordinator, json: boolean): Promise<void> {
  // Where the database fails just now the next start asks again.
  const invite = await inviteFirst().catch(() => undefined);
  if (invite === undefined) return;
  const { code, expiresMs } = invite;
  const url = `${origin}/dashboard/enrol`;
  process.stdout.write(json ? `${JSON.stringify({ firstOperator: { url, code, expiresMs } })}\n` : `godwit-coordinator: nobody operates it yet: open ${url} and type ${code} within 24 hours\n`);
}

try {
  await main();
} catch (error) {
  const fault = Fault.from(error);
  process.stderr.write(`godwit-coordinator: error: ${printable(fault.message)} [${fault.code}]\ngodwit-coordinator: hint: ${printable(fault.hint)}\n`);
  if (fault.kind === 'internal') process.stderr.write(`${fault.cause instanceof Error ? fault.cause.stack : String(fault.cause)}\n`);
  process.exitCode = 1;
}
