import { setTimeout as sleep } from 'node:timers/promises';
import { printable, systemClock } from '@godwit/base';
import type { ControlResult, DoctorFinding } from '@godwit/wire';
import { ask, tell } from './ask.ts';
import { answers } from './answers.ts';
import { paintFor, type Paint } from './colours.ts';
import type { Common } from './shell.ts';

/** `godwit doctor --every`: for a fault that comes and goes. */

type Examination = ControlResult<'doctor'>;

/** Looks again and again until it is interrupted. For people: all of the first look, then what has changed; with `--json`: every look, one line each. */
export async function watchDoctor(everyMs: number, fix: boolean, options: Common): Promise<never> {
  const paint = paintFor(process.stdout, process.env);
  let before: Examination | undefined;
  for (;;) {
    const now = await ask('doctor', { fix }, options, false);
    // An agent that is gone was said to be; it may come back.
    if (now !== undefined) show(before, now);
    before = now ?? before;
    await sleep(everyMs);
  }

  function show(earlier: Examination | undefined, now: Examination): void {
    if (options.json === true) tell(JSON.stringify(now));
    else if (earlier === undefined) tell(`${answers.doctor(now, paint)}\n\nLooking again every ${everyMs / 1000} s, until Ctrl-C.`);
    else for (const line of changesText(earlier, now, new Date(systemClock.wallMs()).toLocaleTimeString(), paint)) tell(line);
  }
}

/** One line for each thing that has become better or worse. Figures that only vary are no change. Pure. */
export function changesText(before: Examination, now: Examination, time: string, paint: Paint): string[] {
  const states = new Map(before.findings.map((finding) => [finding.check, finding]));
  const changed = now.findings.filter((finding) => !isSame(states.get(finding.check), finding));
  return changed.map(({ check, state, found, hint }) => `${time} ${check}: ${paint(state === 'good' ? 'good' : state === 'bad' ? 'bad' : 'doubtful', words[state])}: ${printable(found)}${hint === null ? '' : `; ${printable(hint)}`}`);
}

/** What was not looked at before, because something else stood in the way, is news only if it is not well. */
function isSame(before: DoctorFinding | undefined, now: DoctorFinding): boolean {
  return before === undefined ? now.state === 'good' : before.state === now.state && (now.state === 'good' || before.code === now.code);
}

const words: Readonly<Record<DoctorFinding['state'], string>> = { good: 'well again', degraded: 'works with less than it could', bad: 'cannot work' };
