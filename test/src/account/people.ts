import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Fault } from '@godwit/base';
import type { House, TestHost } from '../house/house.ts';

const cliProgram = resolve(import.meta.dirname, '..', '..', '..', 'apps/agent/dist/cli/main.js');

/** A folder for PATH in which systemd-creds refuses: keys then lie in plain files, so that a test can take them. */
export function withoutCredentials(house: House): { PATH: string } {
  const directory = join(house.directory, 'no-credentials');
  mkdirSync(directory, { recursive: true });
  const program = join(directory, 'systemd-creds');
  writeFileSync(program, '#!/bin/sh\nexit 1\n');
  chmodSync(program, 0o755);
  return { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
}

export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly error: Fault | undefined;
}

/** Runs `godwit WORDS --json` with `input` on stdin, as a pipe and no terminal. */
export async function typeIn(host: TestHost, words: readonly string[], input: string): Promise<Said> {
  const child = spawn(process.execPath, [cliProgram, ...words, '--json'], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, GODWIT_HOME: host.home } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  const exitCode = await new Promise<number>((resolvePromise, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolvePromise(code ?? -1));
  });
  const said = stdout.trim() === '' ? {} : (JSON.parse(stdout) as { error?: Parameters<typeof Fault.fromJSON>[0] });
  return { exitCode, stdout, stderr, error: said.error === undefined ? undefined : Fault.fromJSON(said.error) };
}
