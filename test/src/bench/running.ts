import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What the bench has started and must not leave behind, however it ends. */

type End = () => unknown;
const started = new Set<End>();

/** From now on `end` is called when the bench is told to stop; the returned function takes that back. */
export function endWithBench(end: End): () => void {
  started.add(end);
  return () => started.delete(end);
}

/** Ends everything that runs, the newest first; what cannot be ended is said and does not keep the rest. */
export async function endAll(): Promise<void> {
  for (const end of [...started].reverse()) {
    started.delete(end);
    try {
      await end();
    } catch (error) {
      process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}

/** Lets SIGINT, SIGTERM and SIGHUP end everything first. */
export function endAllOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void endAll().finally(() => process.exit(130)));
}

/** Runs a program to its end; what it printed. Any other end than a good one is an error with what it said. */
export async function runProgram(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const child = spawn(program, words, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const done = endWithBench(() => child.kill('SIGKILL'));
  const [said, complained]: [string[], string[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => complained.push(chunk.toString()));
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code !== 0) throw new Error(`${program} ${words[0] ?? ''} ended with ${code ?? signal}: ${complained.join('').trim()}`);
    return said.join('');
  } finally {
    done();
  }
}
