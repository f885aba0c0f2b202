import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import { askAgent } from '@godwit/agent';
import { Fault } from '@godwit/base';
import type { ControlArguments, ControlCommand, ControlProgress, ControlResult } from '@godwit/wire';
import { assertPrintable, traceIn } from './command-output.ts';
import { processesOf } from './process-tree.ts';

/** A coordinator and agents as a user would have them: real programs, each in a process of its own, in a folder that is removed. */

const root = resolve(import.meta.dirname, '..', '..', '..');
export const coordinatorProgram = join(root, 'apps/api/dist/main.js');
const cliProgram = join(root, 'apps/agent/dist/cli/main.js');
const readyMs = 90_000;
const stopMs = 10_000;

export interface Answer<Command extends ControlCommand> {
  readonly exitCode: number;
  readonly result: ControlResult<Command> | undefined;
  readonly error: Fault | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** One host: an agent with its own GODWIT_HOME. */
export class TestHost {
  readonly name: string;
  readonly home: string;
  readonly #environment: NodeJS.ProcessEnv;
  #agent: ChildProcess | undefined;

  constructor(name: string, home: string, environment: NodeJS.ProcessEnv) {
    this.name = name;
    this.home = home;
    this.#environment = { ...process.env, ...environment, GODWIT_HOME: home };
  }

  get pid(): number {
    return this.#agent?.pid ?? 0;
  }

  /** `environment`: of this agent alone, beside what its host has. */
  async startAgent(environment: NodeJS.ProcessEnv = {}): Promise<void> {
    this.#agent = spawn(process.execPath, [cliProgram, 'agent'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...this.#environment, ...environment } });
    await firstLine(this.#agent, 'ready', `agent of ${this.name}`);
  }

  /** SIGTERM: the agent ends, desktops run on. */
  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#agent !== undefined) await end(this.#agent, signal);
    this.#agent = undefined;
  }

  /** Runs `godwit COMMAND ARGS` as a person would, without a terminal; Ctrl-C is pressed when `interrupt` resolves. */
  run(words: readonly string[], onStderr: (text: string) => void = () => undefined, interrupt?: Promise<unknown>): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [cliProgram, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment });
    void interrupt?.then(() => child.kill('SIGINT'));
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      onStderr(chunk.toString());
    });
    return new Promise((resolvePromise, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode) => {
        const trace = traceIn(stdout + stderr);
        if (trace === undefined) resolvePromise({ exitCode: exitCode ?? -1, stdout, stderr });
        else reject(new Error(`godwit ${words.join(' ')} showed its inside: ${trace}`));
      });
    });
  }

  /** Runs a command with `--json` and reads what it says. */
  async ask<Command extends ControlCommand>(command: Command, ...words: string[]): Promise<Answer<Command>> {
    const { exitCode, stdout, stderr } = await this.run([command, ...words, '--json']);
    const said = stdout.trim() === '' ? {} : (JSON.parse(stdout) as { error?: Parameters<typeof Fault.fromJSON>[0] });
    assertPrintable(command, said);
    const error = said.error === undefined ? undefined : Fault.fromJSON(said.error);
    return { exitCode, result: error === undefined && stdout.trim() !== '' ? (said as unknown as ControlResult<Command>) : undefined, error, stdout, stderr };
  }

  /** As `ask`, for what must go well; throws the command's fault with what it printed. */
  async must<Command extends ControlCommand>(command: Command, ...words: string[]): Promise<ControlResult<Command>> {
    const { exitCode, result, error, stderr } = await this.ask(command, ...words);
    if (error !== undefined) throw error;
    if (exitCode !== 0 || result === undefined) throw new Error(`godwit ${command} on ${this.name}: exit ${exitCode}: ${stderr}`);
    return result;
  }

  /** Suspends what has to end safely in the store. */
  async suspend(desktop: string): Promise<Extract<ControlResult<'suspend'>, { safe: true }>> {
    const result = await this.must('suspend', desktop);
    if (!result.safe) throw new Error(`${desktop} was saved on ${this.name} only: ${result.reason}`);
    return result;
  }

  /** Asks the agent itself, without a command line's process in between: for what is asked often, and for whoever wants to see each phase. */
  call<Command extends ControlCommand>(command: Command, args: ControlArguments<Command>, report: (progress: ControlProgress) => void = () => undefined): Promise<ControlResult<Command>> {
    return askAgent(join(this.home, 'control.sock'), command, args, report);
  }

  /** The newest serial lines of a desktop that runs here. */
  async consoleLines(desktop: string, lines = 50): Promise<string[]> {
    return (await this.call('console', { name: desktop, lines })).lines;
  }
}

export class House {
  readonly directory: string;
  readonly #hosts: TestHost[] = [];
  #coordinator: ChildProcess | undefined;
  #coordinatorSaid = '';
  #coordinatorLog = '';
  url = '';

  constructor() {
    // In /tmp, not in the checkout: QEMU's user has to pass through every folder above, and sockets want short paths.
    this.directory = mkdtempSync('/tmp/godwit-');
    chmodSync(this.directory, 0o711);
  }

  async startCoordinator(listen = '127.0.0.1:0', words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<void> {
    this.#coordinator = spawn(process.execPath, [coordinatorProgram, '--data', join(this.directory, 'c'), '--listen', listen, '--json', ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    [this.#coordinatorSaid, this.#coordinatorLog] = ['', ''];
    this.#coordinator.stderr?.on('data', (chunk: Buffer) => (this.#coordinatorLog += chunk.toString()));
    this.#coordinator.stdout?.on('data', (chunk: Buffer) => (this.#coordinatorSaid += chunk.toString()));
    this.url = (JSON.parse(await firstLine(this.#coordinator, '"ready":true', 'coordinator')) as { url: string }).url;
  }

  async stopCoordinator(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#coordinator !== undefined) await end(this.#coordinator, signal);
    this.#coordinator = undefined;
  }

  /** What the coordinator has printed since it was started last. */
  get coordinatorSaid(): string {
    return this.#coordinatorSaid;
  }

  /** Its log since then. */
  get coordinatorLog(): string {
    return this.#coordinatorLog;
  }

  /** The coordinator's folder of objects. */
  get objectsDirectory(): string {
    return join(this.directory, 'c', 'objects');
  }

  async addHost(name: string, environment: NodeJS.ProcessEnv = {}): Promise<TestHost> {
    const host = new TestHost(name, join(this.directory, name), environment);
    this.#hosts.push(host);
    await host.startAgent();
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Ends everything that was started, QEMUs too, by their ids, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stopAgent()));
    for (const host of this.#hosts) for (const pid of machinesOf(host.home)) await endMachine(pid);
    await this.stopCoordinator();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Enrols `second` into the account of `first` with the code that it shows. */
export async function enrolSecond(first: TestHost, second: TestHost, coordinator: string): Promise<void> {
  const code = Promise.withResolvers<string>();
  let seen = '';
  const joining = second.run(['join', '--coordinator', coordinator, '--name', second.name], (text) => {
    seen += text;
    const match = /godwit approve (\S+)/.exec(seen);
    if (match?.[1] !== undefined) code.resolve(match[1]);
  });
  void joining.then(({ stderr }) => code.reject(new Error(`join ended: ${stderr}`)));
  await first.must('approve', await code.promise, '--yes');
  const { exitCode, stderr } = await joining;
  if (exitCode !== 0) throw new Error(`join on ${second.name}: exit ${exitCode}: ${stderr}`);
}

function machinesOf(home: string): number[] {
  return existsSync(home) ? processesOf(home) : [];
}

async function endMachine(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (existsSync(`/proc/${pid}`) && !isZombie(pid)) await new Promise((resolvePromise) => setTimeout(resolvePromise, 20));
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(' Z ');
  } catch {
    return true; // It is gone.
  }
}

/** Resolves with the first line of stdout that holds `word`; rejects with what the program said when it ends before. */
function firstLine(child: ChildProcess, word: string, what: string): Promise<string> {
  return new Promise((resolvePromise, reject) => {
    const said: string[] = [];
    const timer = setTimeout(() => reject(new Error(`${what} is not ready after ${readyMs} ms: ${said.join('')}`)), readyMs);
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString().slice(0, 2_000)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.includes(word)) return;
      clearTimeout(timer);
      resolvePromise(line);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${what} ended with ${code}: ${said.join('')}`));
    });
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolvePromise) => child.once('exit', () => resolvePromise()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await gone;
  clearTimeout(timer);
}

