import type { Clock, DesktopId } from '@godwit/base';
import type { AnswerOf, Routes } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import { throwIfCalledOff } from '../desktop/called-off.ts';

/** A host that was heard of so lately may be between two streams: its coordinator is being replaced, or its line broke. */
const latelyMs = 30_000;
/** Then it is back within this. */
const backMs = 5_000;
const lookMs = 250;

/**
 * Who holds a desktop, and whether it can be asked for anything. One that was heard of lately and has no stream now is looked for again for
 * 5 s; one that has been gone for longer is not waited for. Throws CANCELLED, and the faults of `readHolding`.
 */
export async function readReach({ coordinator, clock }: { readonly coordinator: Pick<Coordinator, 'call'>; readonly clock: Clock }, desktopId: DesktopId, signal?: AbortSignal): Promise<AnswerOf<Routes['readHolding']>> {
  const startedMs = clock.bootMs();
  for (;;) {
    const holding = await coordinator.call('readHolding', { params: { desktopId } });
    const { inReach, lastContactMs } = holding;
    const lately = lastContactMs !== null && clock.wallMs() - lastContactMs < latelyMs;
    if (inReach || !lately || clock.bootMs() - startedMs >= backMs) return holding;
    throwIfCalledOff(signal);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
