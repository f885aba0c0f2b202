import { Fault, printable, traceIdOf } from '@godwit/base';
import type { ControlArguments, ControlCommand, ControlResult } from '@godwit/wire';
import { askAgent } from '../daemon/control-client.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { answers } from './answers.ts';
import { inCommand } from './command-trace.ts';
import { paintFor } from './colours.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { Interrupt } from './interrupt.ts';
import { ProgressLine } from './progress-line.ts';
import type { Common } from './shell.ts';

/** The edge of every command: one question to the agent of GODWIT_HOME, its progress, and its answer on stdout. */

/** Asks, and prints the answer unless told not to; undefined when it was a fault, which was printed. */
export async function ask<Name extends ControlCommand>(command: Name, args: ControlArguments<Name>, options: Common, print = true): Promise<ControlResult<Name> | undefined> {
  using line = new ProgressLine(process.stderr, options.json === true ? 'json' : undefined);
  using interrupt = new Interrupt(command, line);
  let trace: string | undefined;
  try {
    const result = await inCommand(command, (traceparent) => {
      trace = traceparent;
      return askAgent(homeAt(defaultHomeDirectory(process.env)).controlSocket, command, args, (progress) => line.show(progress), { ...interrupt.thoughts, trace: traceparent });
    });
    line.clear();
    if (print) tell(options.json === true ? JSON.stringify(result) : answers[command](result, paintFor(process.stdout, process.env)));
    process.exitCode = exitCodeOfResult(result) ?? process.exitCode;
    return result;
  } catch (error) {
    line.clear();
    fail(error, options, traceIdOf(trace));
    process.exitCode = interrupt.exitCode ?? process.exitCode;
    return undefined;
  }
}

export function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * One clear error: for people on stderr, with `--json` as the only line of stdout. Never a stack trace. `trace`: what to look for in the logs of agent
 * and coordinator, shown where a log may know more than the error.
 */
export function fail(error: unknown, options: Common, trace?: string): void {
  const fault = Fault.from(error);
  const paint = paintFor(process.stderr, process.env);
  if (options.json === true) tell(JSON.stringify({ error: fault.toJSON(), trace }));
  // Their own wish is no error: what stays is what they want to know.
  else if (fault.code === 'CANCELLED' && fault.found !== undefined) process.stderr.write(`godwit: ${printable(fault.found)}\n`);
  else process.stderr.write(`godwit: ${paint('bad', 'error:')} ${printable(fault.message)} [${fault.code}]\ngodwit: ${paint('strong', 'hint:')} ${printable(fault.hint)}\n${trace !== undefined && isInLogs(fault) ? `godwit: ${paint('strong', 'trace:')} ${trace}\n` : ''}`);
  process.exitCode = exitCodeOf(fault);
}

/** Not of what was only asked wrongly, and not where no agent got the question. */
function isInLogs({ kind, code }: Fault): boolean {
  return kind !== 'invalid' && !/^(AGENT_|CALLER_LEFT)/.test(code);
}

/** Of an answer that is none of a plain success. */
function exitCodeOfResult(result: ControlResult<ControlCommand>): number | undefined {
  if ('verdict' in result) return { good: exitCodes.done, degraded: exitCodes.failed, bad: exitCodes.usage }[result.verdict];
  if ('good' in result && !result.good) return exitCodes.failed;
  if ('safe' in result && !result.safe) return exitCodes.partlyDone;
  return undefined;
}
