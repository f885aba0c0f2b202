import { Fault } from '@godwit/base';
import type { Desktop, EventMessage } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import { follow, silenceMs, type FollowPorts } from './follow.ts';
import { inStoreText } from './place.ts';
import { RemoteProgress } from './remote-progress.ts';

type Told = Extract<EventMessage, { type: 'departure-told' }>;

/**
 * Asks the holder to suspend and waits for as long as it gets on. Resolves with the desktop as it is then: free, with the checkpoint that the
 * holder made. Throws HOLDER_IN_REACH with what the holder said, or that it said nothing; EPOCH_FENCED when somebody else has it meanwhile; CANCELLED
 * with what came of it: the holder rolled back, or had suspended it already.
 */
export async function awaitDeparture(ports: FollowPorts, { desktopId, epoch, name }: Desktop, holder: string, report: Report, signal?: AbortSignal): Promise<Desktop> {
  const { coordinator } = ports;
  const progress = new RemoteProgress(ports.clock, holder, report);
  let told: Told | undefined;
  const ask = (callOff: boolean): Promise<unknown> => coordinator.call('askDeparture', { params: { desktopId }, body: callOff ? { epoch, callOff } : { epoch } });
  const cancelled = (found: string): Fault => new Fault('CANCELLED', { subject: name, found });
  progress.say('ask', `${holder} is in reach and was asked to suspend ${name}`);
  return await follow<Desktop>(
    ports,
    {
      ask: () => ask(false),
      callOff: () => ask(true),
      hear: (message) => {
        if (message.type !== 'departure-told' || message.desktopId !== desktopId || message.epoch !== epoch) return false;
        // Words that overtake each other change nothing about an end.
        if (told?.state !== 'failed') told = message;
        progress.told(message);
        return true;
      },
      look: async (calledOff) => {
        const desktop = await coordinator.call('readDesktop', { params: { desktopId } });
        if (desktop.owner === null && calledOff) throw cancelled(`too late to call it off: ${inStoreText(desktop)}`);
        if (desktop.owner === null) return desktop;
        if (desktop.epoch !== epoch) throw new Fault('EPOCH_FENCED', { subject: name, expected: `epoch ${epoch}`, found: `epoch ${desktop.epoch}, held by ${desktop.owner.name}` });
        if (told?.state === 'failed') throw calledOff ? cancelled(`called off on ${holder} too: ${name} stays there`) : new Fault('HOLDER_IN_REACH', { subject: name, found: `${holder} said: ${told.found ?? 'it failed'}`, hint: `${name} stays on ${holder}` });
        return undefined;
      },
      silent: (calledOff) => Promise.resolve(calledOff ? new Fault('CALLER_LEFT', { subject: name, found: `${holder}, which has not said whether it stopped`, hint: `${name} is on ${holder} or safe in the store: \`godwit status\` says which` }) : new Fault('HOLDER_IN_REACH', { subject: name, found: `${holder}, which has said nothing for ${silenceMs / 1000} s` })),
      meanwhile: `${name} is on ${holder}, or safe in the store`,
    },
    signal,
  );
}
