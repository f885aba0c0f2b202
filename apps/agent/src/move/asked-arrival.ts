import { Fault, type Clock, type HostId, type Log, type OrderId } from '@godwit/base';
import { currentDevice, openArrivalOrder, signerOfArrivalOrder, type ArrivalOrder, type ChainState } from '@godwit/crypto';
import { bytesOf, type BodyOf, type ControlProgress, type ControlResult, type Desktop, type EventMessage, type Routes } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import { tellPaced } from './tell-pace.ts';

/** Whoever ordered looks at a line on a screen. */
const answerMs = 4_000;
const foundCharsMax = 512;
/** Of two clocks, and the way of an order. A coordinator that kept one for later gets nothing for it. */
const orderLifeMs = 5 * 60_000;
/** A word about the end is told again while it may not have been heard. */
const endTellsMax = 5;
const endTellPauseMs = 2_000;
/** Orders that are remembered: each of them by its own person's hand. */
const ordersMax = 32;

type Asked = Extract<EventMessage, { type: 'arrival-asked' }>;
type Told = BodyOf<Routes['tellArrival']>;

export interface AskedArrivalParts {
  readonly self: HostId;
  /** The newest chain of the account. */
  readonly chain: () => Promise<ChainState>;
  readonly coordinator: Pick<Coordinator, 'call'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this host's person lets others have desktops resumed here (`godwit arrivals`). */
  readonly mayArrive: () => boolean;
  /** Throws what keeps the desktop from running here. */
  readonly assertFits: (desktop: Desktop) => Promise<void>;
  readonly resume: (name: string, report: (progress: ControlProgress) => void, signal: AbortSignal) => Promise<Pick<ControlResult<'resume'>, 'arrive'>>;
  /** A desktop comes because another host ordered it. */
  readonly onArrival: (name: string, by: string) => void;
}

/**
 * Another host of the account orders this one to resume a desktop. Obeyed only with the signature of a device that is in the account now, for this
 * host, this desktop in its current epoch, and not older than five minutes: the coordinator passes orders on and can make none.
 */
export class AskedArrivals {
  readonly #parts: AskedArrivalParts;
  /** Oldest first; an order that comes again is told of again. */
  readonly #orders = new Map<OrderId, { readonly controller: AbortController; told: Told | undefined }>();

  constructor(parts: AskedArrivalParts) {
    this.#parts = parts;
  }

  async asked(message: Asked): Promise<void> {
    const { self, log } = this.#parts;
    if (message.to !== self) return;
    try {
      const order = await this.#open(message);
      log.info('arrival-ordered', { desktop: order.desktopId, act: order.act, by: order.hostId });
      if (order.act === 'ready') await this.#ready(order);
      else if (order.act === 'resume') await this.#resume(order, message.by);
      else this.#callOff(order);
    } catch (error) {
      log.warn('arrival-order-refused', { desktop: message.desktopId, by: message.by, error });
    }
  }

  /** Throws what its signature, its addressee or its age is wrong by: then nobody is told anything. */
  async #open({ order: text, desktopId }: Asked): Promise<ArrivalOrder> {
    const { self, clock } = this.#parts;
    const bytes = bytesOf(text);
    const signer = currentDevice(await this.#parts.chain(), signerOfArrivalOrder(bytes));
    if (signer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: signerOfArrivalOrder(bytes) });
    const order = openArrivalOrder(bytes, signer.device.signPublic);
    if (order.to !== self || order.desktopId !== desktopId) throw new Fault('ORDER_INVALID', { expected: `an order for this host and desktop ${desktopId}` });
    const ageMs = clock.wallMs() - order.signedMs;
    if (Math.abs(ageMs) > orderLifeMs) throw new Fault('ORDER_INVALID', { expected: `one signed at most ${orderLifeMs / 60_000} min ago`, found: `${Math.round(ageMs / 1000)} s` });
    return order;
  }

  async #ready(order: ArrivalOrder): Promise<void> {
    try {
      this.#assertAllowed();
      await this.#parts.assertFits(await this.#find(order));
      await this.#tell(order, { state: 'ready', found: null });
    } catch (error) {
      await this.#tell(order, { state: 'failed', found: textOfFault(error) });
    }
  }

  async #resume(order: ArrivalOrder, by: string): Promise<void> {
    const known = this.#orders.get(order.orderId);
    if (known !== undefined) {
      // Of its way nothing is repeated: one that stands still must not seem to get on each time that it is asked.
      if (known.told !== undefined && known.told.state !== 'arriving') await this.#send(order, known.told);
      return;
    }
    const entry = this.#remember(order.orderId);
    try {
      this.#assertAllowed();
      const desktop = await this.#find(order);
      if (desktop.owner !== null || desktop.epoch !== order.epoch) throw new Fault('EPOCH_FENCED', { subject: desktop.name, expected: `epoch ${order.epoch}, held by nobody`, found: `epoch ${desktop.epoch}, held by ${desktop.owner?.name ?? 'nobody'}` });
      this.#parts.onArrival(desktop.name, by);
      const { arrive } = await this.#parts.resume(desktop.name, this.#reporter(order), entry.controller.signal);
      await this.#tell(order, { state: 'running', found: null, runningMs: arrive.runningMs });
    } catch (error) {
      this.#parts.log.warn('arrival-failed', { desktop: order.desktopId, by, error });
      await this.#tell(order, { state: 'failed', found: textOfFault(error) });
    }
  }

  #callOff({ orderId }: ArrivalOrder): void {
    // One that has not come yet is not wanted either.
    (this.#orders.get(orderId) ?? this.#remember(orderId)).controller.abort(new Fault('CANCELLED'));
  }

  #remember(orderId: OrderId): { readonly controller: AbortController; told: Told | undefined } {
    const entry = { controller: new AbortController(), told: undefined };
    this.#orders.set(orderId, entry);
    const [oldest] = this.#orders.keys();
    if (this.#orders.size > ordersMax && oldest !== undefined) this.#orders.delete(oldest);
    return entry;
  }

  #assertAllowed(): void {
    if (!this.#parts.mayArrive()) throw new Fault('ARRIVAL_REFUSED', { found: 'its person lets no other host have desktops resumed on it', hint: 'allow it there with `godwit arrivals on`' });
  }

  #find({ desktopId }: ArrivalOrder): Promise<Desktop> {
    return this.#parts.coordinator.call('readDesktop', { params: { desktopId } });
  }

  #reporter(order: ArrivalOrder): (progress: ControlProgress) => void {
    return tellPaced(this.#parts.clock, ({ phase, doneBytes, totalBytes }) => this.#tell(order, { state: 'arriving', found: null, phase, doneBytes, totalBytes }));
  }

  async #tell(order: ArrivalOrder, news: Pick<Told, 'state' | 'found'> & Partial<Told>): Promise<void> {
    const told: Told = { phase: '', doneBytes: 0, totalBytes: null, runningMs: null, ...news, orderId: order.orderId };
    const entry = this.#orders.get(order.orderId);
    // What ended stays so, and nothing is said of its way any more: the memory of a guest that runs still comes, and that is its person's to see.
    if (entry?.told !== undefined && entry.told.state !== 'arriving' && told.state === 'arriving') return;
    if (entry !== undefined && (entry.told === undefined || entry.told.state === 'arriving')) entry.told = told;
    await this.#send(order, told);
  }

  async #send({ desktopId }: ArrivalOrder, body: Told): Promise<void> {
    const tellsMax = body.state === 'arriving' ? 1 : endTellsMax;
    for (let tells = 1; ; tells += 1) {
      try {
        await this.#parts.coordinator.call('tellArrival', { params: { desktopId }, body }, { timeoutMs: answerMs });
        return;
      } catch (error) {
        // Whoever ordered asks again when the coordinator is back.
        this.#parts.log.info('arrival-not-told', { desktop: desktopId, code: Fault.from(error).code });
        if (tells === tellsMax) return;
      }
      await new Promise((resolve) => setTimeout(resolve, endTellPauseMs));
    }
  }
}

function textOfFault(error: unknown): string {
  const { message, code } = Fault.from(error);
  return `${message} [${code}]`.slice(0, foundCharsMax);
}
