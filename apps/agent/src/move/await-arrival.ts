import { Fault, newId, type HostId, type OrderId, type Random } from '@godwit/base';
import { signArrivalOrder, type ArrivalOrder, type DeviceSecrets } from '@godwit/crypto';
import { textOf, type Desktop, type EventMessage } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import { throwIfCalledOff } from '../desktop/called-off.ts';
import { follow, silenceMs, type FollowPorts } from './follow.ts';
import { inStoreText } from './place.ts';
import { RemoteProgress } from './remote-progress.ts';

/** A host that is there says within this whether it would take a desktop. */
const readyMs = 10_000;
/** One whose stream has just ended, because its coordinator was replaced or its line broke, is back within this. */
const backMs = 5_000;
const awayAskAgainMs = 500;
const askAgainMs = 4_000;
const readyPollMs = 50;

type Told = Extract<EventMessage, { type: 'arrival-told' }>;

export interface OrderPorts extends FollowPorts {
  readonly device: DeviceSecrets;
  readonly random: Random;
}

export interface Target {
  readonly hostId: HostId;
  readonly name: string;
}

/** Another host of the account, as the place where a desktop goes on. */
export class ArrivalElsewhere {
  readonly #ports: OrderPorts;
  readonly #target: Target;

  constructor(ports: OrderPorts, target: Target) {
    this.#ports = ports;
    this.#target = target;
  }

  /** It is in reach and says that it would take the desktop. Throws HOST_OUT_OF_REACH, ARRIVAL_REFUSED, CANCELLED: nothing has changed then. */
  async assertReady(desktop: Desktop, signal?: AbortSignal): Promise<void> {
    const { events, clock } = this.#ports;
    const { name } = this.#target;
    const orderId = newId<OrderId>(this.#ports.random);
    let told: Told | undefined;
    const unsubscribe = events.subscribe((message) => (this.#isAbout(message, orderId) ? (told = message) : undefined));
    try {
      const startedMs = clock.bootMs();
      let [inReach, askedMs] = [false, -Infinity];
      const waits = (): boolean => told === undefined && clock.bootMs() < startedMs + (inReach ? readyMs : backMs);
      while (waits()) {
        throwIfCalledOff(signal);
        if (clock.bootMs() - askedMs >= (inReach ? askAgainMs : awayAskAgainMs)) {
          askedMs = clock.bootMs();
          ({ inReach } = await this.#send('ready', desktop, orderId));
        }
        await new Promise((resolve) => setTimeout(resolve, readyPollMs));
      }
    } finally {
      unsubscribe();
    }
    if (told === undefined) throw new Fault('HOST_OUT_OF_REACH', { subject: name });
    if (told.state === 'failed') throw new Fault('ARRIVAL_REFUSED', { subject: desktop.name, found: `${name} said: ${told.found ?? 'no'}` });
  }

  /**
   * Has it resume a desktop that is free; resolves when the guest runs there, with how long that took it. Throws ARRIVAL_FAILED, or CANCELLED with what
   * came of it; either says where the desktop is.
   */
  async resume(desktop: Desktop, report: Report, signal?: AbortSignal): Promise<{ readonly runningMs: number | null }> {
    const { coordinator, clock, random } = this.#ports;
    const { desktopId, name } = desktop;
    const target = this.#target;
    const orderId = newId<OrderId>(random);
    const progress = new RemoteProgress(clock, target.name, report);
    let told: Told | undefined;
    const where = async (): Promise<string> => {
      const { owner, head } = await coordinator.call('readDesktop', { params: { desktopId } });
      return owner === null ? inStoreText({ name, head }) : `${owner.name} holds ${name}; \`godwit status\` says how it is there`;
    };
    progress.say('ask', `${target.name} was asked to resume ${name}`);
    return await follow(
      this.#ports,
      {
        ask: () => this.#send('resume', desktop, orderId),
        callOff: () => this.#send('call-off', desktop, orderId),
        hear: (message) => {
          if (!this.#isAbout(message, orderId)) return false;
          // Words that overtake each other change nothing about an end.
          if (told === undefined || told.state === 'arriving') told = message;
          if (told.state === 'arriving') progress.told(message);
          return true;
        },
        look: async (calledOff) => {
          if (told?.state === 'running' && calledOff) throw new Fault('CANCELLED', { subject: name, found: `too late to call it off: ${name} runs on ${target.name}` });
          if (told?.state === 'running') return { runningMs: told.runningMs };
          if (told?.state === 'failed' && calledOff) throw new Fault('CANCELLED', { subject: name, found: `called off on ${target.name} too: ${await where()}` });
          if (told?.state === 'failed') throw new Fault('ARRIVAL_FAILED', { subject: name, found: `${target.name} said: ${told.found ?? 'it failed'}`, hint: await where() });
          // Also the sign that the coordinator is there.
          await coordinator.call('readDesktop', { params: { desktopId } });
          return undefined;
        },
        silent: async (calledOff) => {
          if (calledOff) return new Fault('CALLER_LEFT', { subject: name, found: `${target.name}, which has not said whether it stopped`, hint: await where() });
          // It may come back and find the order: it is not wanted any more.
          await this.#send('call-off', desktop, orderId);
          return new Fault('ARRIVAL_FAILED', { subject: name, found: `${target.name}, which has said nothing for ${silenceMs / 1000} s`, hint: await where() });
        },
        meanwhile: `checkpoint ${desktop.head?.sequence ?? 0} of ${name} is safe in the store`,
      },
      signal,
    );
  }

  #isAbout(message: EventMessage, orderId: OrderId): message is Told {
    return message.type === 'arrival-told' && message.orderId === orderId && message.host === this.#target.hostId;
  }

  #send(act: ArrivalOrder['act'], { desktopId, epoch }: Desktop, orderId: OrderId): Promise<{ inReach: boolean }> {
    const { coordinator, clock, device } = this.#ports;
    const { hostId: to } = this.#target;
    const order = signArrivalOrder({ act, orderId, desktopId, to, epoch, signedMs: clock.wallMs() }, device);
    return coordinator.call('askArrival', { params: { desktopId }, body: { to, order: textOf(order) } });
  }
}
