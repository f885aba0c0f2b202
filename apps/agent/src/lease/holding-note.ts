import type { OfflineMode } from '@godwit/wire';
import { durationText } from '../cli/figures.ts';
import type { HoldingState } from './holding.ts';

export interface HoldingNews {
  readonly offline: OfflineMode;
  readonly holding: HoldingState;
  /** Whether there is a machine: what is switched off waits for nothing. */
  readonly running: boolean;
  /** When the coordinator last said that the epoch is current; undefined: not since this agent began. Wall clock, ms. */
  readonly confirmedWallMs: number | undefined;
  readonly guardLost: boolean;
}

/** What a person should know of this host's right to run a desktop; undefined when all is as it should be. Pure. */
export function holdingNote({ offline, holding, running, confirmedWallMs, guardLost }: HoldingNews, nowMs: number): string | undefined {
  const strict = offline === 'stop' ? 'strict' : undefined;
  const since = confirmedWallMs === undefined ? 'since this agent began' : `for ${durationText(Math.max(0, nowMs - confirmedWallMs))}`;
  const said = ((): string | undefined => {
    if (!running) return undefined;
    switch (holding) {
      case 'confirmed':
        return undefined;
      case 'alone':
        return `runs without word from the coordinator ${since}`;
      case 'asleep':
        return 'paused: this machine is about to sleep';
      case 'asking':
        return 'paused: this machine slept, and the coordinator is asked whether it is still ours';
      case 'waiting':
        return guardLost ? 'paused: its guard does not run, and is started again' : 'paused: its lease could not be renewed, and is asked for again';
      case 'superseded':
        return 'paused: it was taken over elsewhere';
    }
  })();
  const all = [strict, said].filter((part) => part !== undefined);
  return all.length === 0 ? undefined : all.join(', ');
}
