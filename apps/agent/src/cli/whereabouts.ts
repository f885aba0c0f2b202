import { Fault, printable } from '@godwit/base';
import type { ControlResult, Whereabouts } from '@godwit/wire';
import { askAgent } from '../daemon/control-client.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { paintState } from './answers.ts';
import { tell } from './ask.ts';
import { paintFor, type Paint } from './colours.ts';
import { exitCodeOf } from './exit-code.ts';
import { table } from './figures.ts';
import { imageAtHand } from './image-at-hand.ts';
import { whereaboutsOf } from './next-step.ts';
import type { Common } from './shell.ts';

/** Bare `godwit`: where each desktop is and what to type next. Ends with the exit code that `godwit status` would have. */
export async function tellWhereabouts(options: Common): Promise<void> {
  const status = await askStatus();
  const whereabouts = whereaboutsOf(status, imageAtHand());
  tell(options.json === true ? JSON.stringify(whereabouts) : whereaboutsText(whereabouts, paintFor(process.stdout, process.env)));
  if (status instanceof Fault) process.exitCode = exitCodeOf(status);
}

async function askStatus(): Promise<ControlResult<'status'> | Fault> {
  try {
    return await askAgent(homeAt(defaultHomeDirectory(process.env)).controlSocket, 'status', { name: null }, () => undefined);
  } catch (error) {
    return Fault.from(error);
  }
}

/** What it prints for people. Pure. */
export function whereaboutsText(whereabouts: Whereabouts, paint: Paint): string {
  const { next, desktops } = whereabouts;
  const notes = desktops.flatMap(({ name, note }) => (note === null ? [] : [`${name}: ${printable(note)}`]));
  const rows = desktops.map(({ name, state, holder, sequence, next: { command } }) => [name, paintState(state, paint), holder ?? '-', sequence === null ? '-' : String(sequence), command]);
  return [
    headline(whereabouts, paint),
    ...(rows.length === 0 ? [] : ['', table([['DESKTOP', 'STATE', 'HOLDER', 'CHECKPOINT', 'NEXT'], ...rows])]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    `Next: ${paint('strong', printable(next.command))}`,
    `      ${printable(next.why)}`,
  ].join('\n');
}

function headline({ situation, cause, hostName, coordinator }: Whereabouts, paint: Paint): string {
  if (cause !== null) return `${paint('bad', 'Not yet:')} ${printable(cause.message)} [${cause.code}]`;
  const place = `${hostName} at ${coordinator}`;
  if (situation === 'coordinator-out-of-reach') return `${place} ${paint('bad', '(out of reach: what is held elsewhere is not shown)')}`;
  return situation === 'no-desktop' ? `${place}: no desktop yet` : place;
}
