import { InvalidArgumentError, Option } from 'commander';
import { Fault, systemClock } from '@godwit/base';
import { waitGoals, type DesktopStatus, type WaitGoal } from '@godwit/wire';
import { askAgent } from '../daemon/control-client.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { tell } from './ask.ts';
import { durationText, parseDuration } from './figures.ts';
import { ProgressLine } from './progress-line.ts';
import type { Common, Shell } from './shell.ts';

/** `godwit wait`: for scripts, and for whoever wants to close the lid. */

const lookEveryMs = 1_000;

interface Wait extends Common {
  readonly for: WaitGoal;
  readonly timeout?: number;
}

export function waitCommand({ add, fail }: Shell): void {
  add('wait <name>', 'wait until a desktop runs here, has everything here, or is safe in the store')
    .addOption(new Option('--for <goal>', 'running: its guest runs here; resumed: and nothing is left to fetch; safe: this machine is not needed any more').choices([...waitGoals]).default('safe'))
    .option('--timeout <time>', 'at most so long, such as 90s or 5m; else for ever', timeout)
    .action(async (name: string, options: Wait) => {
      try {
        await wait(name, options);
      } catch (error) {
        fail(error, options);
      }
    });
}

async function wait(name: string, options: Wait): Promise<void> {
  const { controlSocket } = homeAt(defaultHomeDirectory(process.env));
  const startedMs = systemClock.workMs();
  using line = new ProgressLine(process.stderr, options.json === true ? 'json' : undefined);
  for (;;) {
    const { desktops } = await askAgent(controlSocket, 'status', { name }, () => undefined);
    const { state, holding } = desktops[0]!;
    const waitedMs = Math.round(systemClock.workMs() - startedMs);
    if (isReached(options.for, { state, holding })) {
      line.clear();
      tell(options.json === true ? JSON.stringify({ name, for: options.for, state, waitedMs }) : goalText(name, options.for, state));
      return;
    }
    if (state === 'lost') throw new Fault('DESKTOP_LOST', { subject: name, hint: `go on from its last checkpoint with \`godwit resume ${name}\`` });
    if (state === 'damaged') throw new Fault('RECORD_DAMAGED', { subject: name });
    if (options.timeout !== undefined && waitedMs >= options.timeout) throw new Fault('WAIT_TIMED_OUT', { subject: name, expected: options.for, found: `${state} after ${durationText(waitedMs)}`, hint: `it may still come; see \`godwit status ${name}\`` });
    line.show({ phase: state, doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: waitedMs, say: null });
    await new Promise((resolve) => setTimeout(resolve, Math.min(lookEveryMs, (options.timeout ?? Infinity) - waitedMs)));
  }
}

/** A guest that is paused, because this host may have lost the right to it, does not run. Pure. */
export function isReached(goal: WaitGoal, { state, holding }: Pick<DesktopStatus, 'state' | 'holding'>): boolean {
  if (goal === 'safe') return state === 'free' || state === 'elsewhere';
  const goesOn = holding === null || holding === 'confirmed' || holding === 'alone';
  return goesOn && (state === 'running' || (goal === 'running' && state === 'filling'));
}

function goalText(name: string, goal: WaitGoal, state: DesktopStatus['state']): string {
  if (goal === 'running') return `${name} runs here.`;
  if (goal === 'resumed') return `${name} runs here, and all of it is here.`;
  return state === 'free' ? `${name} is safe in the store. It is safe to close the lid.` : `${name} is on another host. It is safe to close the lid.`;
}

function timeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('a time such as 90s, 5m or 1h.');
  return ms;
}
