import type { Clock } from '@godwit/base';
import type { ControlProgress } from '@godwit/wire';

const tellEveryMs = 500;
/** More phases than any operation has. */
const waitingMax = 16;

/**
 * Passes progress on to whoever watches from another host, one word after the other: each new phase, however short, and how far it is every
 * 500 ms. `tell` does not reject.
 */
export function tellPaced(clock: Clock, tell: (progress: ControlProgress) => Promise<void>): (progress: ControlProgress) => void {
  const waiting: ControlProgress[] = [];
  let told: { readonly phase: string; readonly atMs: number } | undefined;
  let telling = false;
  const tellAll = async (): Promise<void> => {
    telling = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      told = { phase: next.phase, atMs: clock.workMs() };
      await tell(next);
    }
    telling = false;
  };
  return (progress) => {
    const last = waiting.at(-1);
    const isNews = progress.phase !== (last ?? told)?.phase || (!telling && clock.workMs() - (told?.atMs ?? -Infinity) >= tellEveryMs);
    if (last?.phase === progress.phase) waiting[waiting.length - 1] = progress;
    else if (isNews && waiting.length < waitingMax) waiting.push(progress);
    if (!telling && waiting.length > 0) void tellAll();
  };
}
