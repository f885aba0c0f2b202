import { Fault } from '@godwit/base';
import type { Desktop, EventMessage } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import type { Host } from './host.ts';

/** A holder of which nothing was heard for so long does not suspend. It tells progress every second. */
const silenceMs = 20_000;
/** Between looks at the desktop itself: what is told is news, the lease is the truth. */
const lookMs = 500;

type Told = Extract<EventMessage, { type: 'departure-told' }>;

/**
 * Asks the holder to suspend and waits for as long as it gets on. Resolves with the desktop as it is then: free, with the checkpoint that the
 * holder made. Throws HOLDER_IN_REACH with what the holder said, or that it said nothing; EPOCH_FENCED when somebody else has it meanwhile; CANCELLED:
 * nothing was taken, and the holder goes on.
 */
export async function awaitDeparture(host: Host, { desktopId, epoch, name }: Desktop, holder: string, report: Report, signal?: AbortSignal): Promise<Desktop> {
  const { account, clock, events } = host;
  const startedMs = clock.workMs();
  let heardMs = clock.bootMs();
  let told: Told | undefined;
  const tell = (say: string | null): void => report({ phase: told?.phase ?? 'ask', doneBytes: told?.doneBytes ?? 0, totalBytes: told?.totalBytes ?? null, bytesPerSecond: null, leftMs: null, elapsedMs: clock.workMs() - startedMs, say });
  const unsubscribe = events.subscribe((message) => {
    if (message.type !== 'departure-told' || message.desktopId !== desktopId || message.epoch !== epoch) return;
    told = message;
    heardMs = clock.bootMs();
    tell(null);
  });
  try {
    await account.coordinator.call('askDeparture', { params: { desktopId }, body: { epoch } });
    tell(`${holder} is in reach and was asked to suspend ${name}`);
    for (;;) {
      if (signal?.aborted === true) throw new Fault('CANCELLED', { subject: name, found: `nothing was taken; ${holder} goes on suspending ${name}` });
      const desktop = await account.coordinator.call('readDesktop', { params: { desktopId } });
      if (desktop.owner === null) return desktop;
      if (desktop.epoch !== epoch) throw new Fault('EPOCH_FENCED', { subject: name, expected: `epoch ${epoch}`, found: `epoch ${desktop.epoch}, held by ${desktop.owner.name}` });
      if (told?.state === 'failed') throw new Fault('HOLDER_IN_REACH', { subject: name, found: `${holder} said: ${told.found ?? 'it failed'}` });
      if (clock.bootMs() - heardMs > silenceMs) throw new Fault('HOLDER_IN_REACH', { subject: name, found: `${holder}, which has said nothing for ${silenceMs / 1000} s` });
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  } finally {
    unsubscribe();
  }
}
