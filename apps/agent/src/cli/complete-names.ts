import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * `godwit complete-names desktops|hosts`: what a shell's completion asks while somebody waits for it. It loads nothing but this file, and says nothing
 * rather than too late. Every line is a name that a shell takes as it stands.
 */

/** With a start of Node in front, a person does not feel it. */
const patienceMs = 100;
const questions = { desktops: { command: 'status', arguments: { name: null } }, hosts: { command: 'hosts', arguments: {} } } as const;
const answerBytesMax = 1 << 20;
const shellSafe = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export async function completeNames(kind: string | undefined): Promise<void> {
  if (kind !== 'desktops' && kind !== 'hosts') return;
  const names = await askNames(join(homeDirectory(), 'control.sock'), kind, patienceMs);
  process.stdout.write(names.map((name) => `${name}\n`).join(''));
}

/** What the agent behind `socketPath` says within `limitMs`; nothing where it does not. */
export async function askNames(socketPath: string, kind: 'desktops' | 'hosts', limitMs: number): Promise<string[]> {
  return namesIn(await answerTo(socketPath, JSON.stringify(questions[kind]), limitMs), kind);
}

/** The names in the agent's last line; none where it is something else. Pure. */
export function namesIn(answer: string, kind: 'desktops' | 'hosts'): string[] {
  const line = answer.trim().split('\n').at(-1) ?? '';
  try {
    const { result } = JSON.parse(line) as { result?: Partial<Record<string, readonly { name?: unknown }[]>> };
    return (result?.[kind] ?? []).flatMap(({ name }) => (typeof name === 'string' && shellSafe.test(name) ? [name] : []));
  } catch {
    return []; // No agent, no answer in time, or none that can be read: there is nothing to complete.
  }
}

function answerTo(socketPath: string, question: string, limitMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(socketPath);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, limitMs);
    socket.on('error', end);
    socket.on('close', end);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('utf8');
      if (answer.length > answerBytesMax) end();
    });
    socket.write(`${question}\n`);
  });
}

/** As defaultHomeDirectory, whose file would load more. */
function homeDirectory(): string {
  const { GODWIT_HOME: home, XDG_DATA_HOME: data } = process.env;
  if (home !== undefined && home !== '') return home;
  return process.getuid?.() === 0 ? '/var/lib/godwit' : join(data ?? join(homedir(), '.local', 'share'), 'godwit');
}
