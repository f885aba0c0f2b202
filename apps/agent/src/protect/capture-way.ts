import type { CaptureWay } from '../depart/capture.ts';

/** What is known of one way to capture this desktop as it runs, as long as this agent lives. */
export interface WaySeen {
  /** Of the newest checkpoint that was made so; undefined: none was. */
  readonly pauseMs: number | undefined;
  /** How many checkpoints ago that was, 0 for the last. */
  readonly ago: number;
}

/** A pause that nobody feels: two frames of a screen, and what QEMU takes to look at each page of a large guest. */
export function goodPauseMs(memoryBytes: number): number {
  return 20 + 20 * (memoryBytes / 2 ** 30);
}

/** After so many checkpoints by the better way the other is tried again: a guest changes. */
const lookAgainAfter = 20;

/**
 * How to capture next. A background snapshot's pause grows with memory and with nothing else; pre-copy's with what the guest writes and with how
 * fast its pages are taken. So the snapshot comes first, and what was measured decides only where it is not good. Pure. `refused`: QEMU cannot make one.
 */
export function nextWay(memoryBytes: number, refused: boolean, snapshot: WaySeen, precopy: WaySeen): CaptureWay {
  if (refused) return 'pre-copy';
  if (snapshot.pauseMs === undefined || snapshot.pauseMs <= goodPauseMs(memoryBytes)) return 'background-snapshot';
  if (precopy.pauseMs === undefined) return 'pre-copy';
  const better = snapshot.pauseMs <= precopy.pauseMs ? 'background-snapshot' : 'pre-copy';
  const other = better === 'pre-copy' ? snapshot : precopy;
  if (other.ago < lookAgainAfter) return better;
  return better === 'pre-copy' ? 'background-snapshot' : 'pre-copy';
}

/** The pauses of both ways, remembered. */
export class WaysSeen {
  readonly #seen: Record<CaptureWay, WaySeen> = { 'background-snapshot': { pauseMs: undefined, ago: 0 }, 'pre-copy': { pauseMs: undefined, ago: 0 } };
  refused = false;

  next(memoryBytes: number): CaptureWay {
    return nextWay(memoryBytes, this.refused, this.#seen['background-snapshot'], this.#seen['pre-copy']);
  }

  made(way: CaptureWay, pauseMs: number): void {
    for (const each of ['background-snapshot', 'pre-copy'] as const) this.#seen[each] = { ...this.#seen[each], ago: this.#seen[each].ago + 1 };
    this.#seen[way] = { pauseMs, ago: 0 };
  }
}
