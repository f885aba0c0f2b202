import { Fault, type Clock } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import type { EventStream } from '../lease/event-stream.ts';
import { isOutOfReach } from '../offline/out-of-reach.ts';

/** Between looks at the desktop itself: what is told is news, the lease is the truth. */
const lookMs = 500;
/** A host of which nothing was heard for so long does not do what it was asked. */
export const silenceMs = 20_000;
/** A wish may be lost on the way: the other host's stream may just then be on its way from one coordinator to another. It tells progress every second. */
const askAgainMs = 4_000;
/** For what comes of calling it off: a roll-back takes a second or two. */
const callOffMs = 10_000;
/** A coordinator that is started again is back within this. */
const outageMs = 60_000;

/** What following another host takes of this one. */
export interface FollowPorts {
  readonly coordinator: Pick<Coordinator, 'call'>;
  readonly events: Pick<EventStream, 'subscribe'>;
  readonly clock: Clock;
}

/** Something that another host was asked to do. */
export interface Followed<Outcome> {
  /** Asks. Again after each reconnect and each silence, for a coordinator keeps no wishes: asking twice means the same. */
  readonly ask: () => Promise<unknown>;
  readonly callOff: () => Promise<unknown>;
  /** True: that was about this. */
  readonly hear: (message: EventMessage) => boolean;
  /** Undefined: not done yet. Throws when it failed, or, called off, when that is done. */
  readonly look: (calledOff: boolean) => Promise<Outcome | undefined>;
  /** The fault for an end that nobody told: the other host is silent, or does not say what came of calling it off. */
  readonly silent: (calledOff: boolean) => Promise<Fault>;
  /** Where the desktop is, as far as anybody can say while the coordinator is out of reach. */
  readonly meanwhile: string;
}

/**
 * Asks another host for something and follows it to its end: by what it tells, and by looking. Bears a coordinator that is gone for up to a
 * minute; then throws its fault, with where the desktop is.
 */
export async function follow<Outcome>({ events, clock }: FollowPorts, followed: Followed<Outcome>, signal?: AbortSignal): Promise<Outcome> {
  let askedMs: number | undefined;
  let heardMs = clock.bootMs();
  let lostMs: number | undefined;
  let calledOffMs: number | undefined;
  const unsubscribe = events.subscribe((message) => {
    if (message.type === 'hello') askedMs = undefined;
    if (followed.hear(message)) heardMs = clock.bootMs();
  });
  const step = async (): Promise<Outcome | undefined> => {
    if (signal?.aborted === true && calledOffMs === undefined) {
      await followed.callOff();
      calledOffMs = clock.bootMs();
    }
    if (calledOffMs === undefined && (askedMs === undefined || clock.bootMs() - Math.max(askedMs, heardMs) > askAgainMs)) {
      await followed.ask();
      askedMs = clock.bootMs();
    }
    return followed.look(calledOffMs !== undefined);
  };
  try {
    for (;;) {
      try {
        const outcome = await step();
        if (outcome !== undefined) return outcome;
        lostMs = undefined;
      } catch (error) {
        const fault = Fault.from(error);
        if (!isOutOfReach(fault)) throw error;
        lostMs ??= clock.bootMs();
        // Nobody can be heard through a coordinator that is gone.
        heardMs = clock.bootMs();
        if (clock.bootMs() - lostMs > outageMs) throw Fault.fromJSON({ ...fault.toJSON(), hint: `${followed.meanwhile}; \`godwit status\` says where when the coordinator is back` });
      }
      if (calledOffMs !== undefined && clock.bootMs() - calledOffMs > callOffMs) throw await followed.silent(true);
      if (clock.bootMs() - heardMs > silenceMs) throw await followed.silent(false);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  } finally {
    unsubscribe();
  }
}
