import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../tidy/sources.ts';

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const binDirectory = join(root, 'bin');
const limitMs = 60_000;

/** Runs a program to its end. */
export function run(program: string, words: readonly string[], options: { environment?: NodeJS.ProcessEnv; directory?: string } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd: options.directory ?? '/', env: { ...process.env, ...options.environment }, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? -1, stdout, stderr }));
  });
}
