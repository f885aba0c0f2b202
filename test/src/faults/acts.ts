import { Fault, type Random } from '@godwit/base';
import type { ArrivePhase, ControlProgress, DepartPhase } from '@godwit/wire';
import { setTimeout as sleep } from 'node:timers/promises';
import { pick } from './fault.ts';
import type { Actor, Stage } from './stage.ts';

/** Suspend and resume as faults do them: begun, met in one of their phases, and their outcome told as a word. */

/** Codes of commands that end without knowing whether what they asked for happened. */
const unknownCodes: readonly string[] = ['COMMIT_UNKNOWN', 'COMMIT_UNPROVEN', 'AGENT_LOST'];

/** How a command ended: its fault's code, `done`, or `saved` on this machine only. */
export async function outcomeOf(command: Promise<unknown>): Promise<string> {
  try {
    const result = await command;
    return typeof result === 'object' && result !== null && 'safe' in result && result.safe === false ? 'saved' : 'done';
  } catch (error) {
    return Fault.from(error).code;
  }
}

export function unknownIn(...outcomes: readonly string[]): number {
  return outcomes.filter((outcome) => unknownCodes.includes(outcome)).length;
}

/** The phases that a suspend tells of, and those of a resume. The others of libs/wire are parts of these and not told apart. */
export const suspendPhases = ['check', 'prepare', 'capture', 'freeze', 'upload', 'commit', 'clear'] as const satisfies readonly DepartPhase[];
export const resumePhases = ['acquire', 'fit', 'prepare', 'launch', 'load', 'run', 'fill', 'settle'] as const satisfies readonly ArrivePhase[];

export interface Begun {
  readonly actor: Actor;
  /** Ends when the command does. */
  readonly outcome: Promise<string>;
  /** Resolves with true when the phase has begun, with false when the command ended without it. */
  readonly reached: Promise<boolean>;
}

/** Begins to suspend on the holder. `act` is called in the moment that the phase begins. */
export function beginSuspend(stage: Stage, phase: DepartPhase, act: () => void = () => undefined): Begun {
  return begin(stage.holder, phase, act, (report) => stage.suspend(report));
}

/** Suspends, and begins to resume on another host. */
export async function beginResume(stage: Stage, phase: ArrivePhase, act: () => void = () => undefined, wish: { readonly eager?: boolean } = {}): Promise<Begun> {
  await stage.free();
  const actor = stage.other();
  return begin(actor, phase, act, (report) => actor.host.call('resume', { name: stage.desktop, eager: wish.eager === true, wait: true }, report));
}

function begin(actor: Actor, phase: string, act: () => void, command: (report: (progress: ControlProgress) => void) => Promise<unknown>): Begun {
  const reached = Promise.withResolvers<boolean>();
  let met = false;
  const outcome = outcomeOf(
    command((progress) => {
      if (progress.phase !== phase || met) return;
      met = true;
      act();
      reached.resolve(true);
    }),
  );
  void outcome.then(() => reached.resolve(met));
  return { actor, outcome, reached: reached.promise };
}

/** Somewhere in the phase, not always in its first instant. */
export async function aMoment(random: Random, limitMs: number): Promise<void> {
  const waitMs = pick(random, limitMs);
  if (waitMs > 0) await sleep(waitMs);
}
