import { Bus, missingForBus as missing, word } from '../house/bus.ts';

/** A system bus of its own with somebody on it who speaks as logind does about sleep and hears who asks for a lock. */

/** Why there can be none here; undefined: there can. */
export function missingForBus(): string | undefined {
  return missing(['gdbus', 'setpriv']);
}

/** What `Inhibit` was called with. */
export interface Inhibition {
  readonly what: string;
  readonly who: string;
  readonly why: string;
  readonly mode: string;
}

export class LoginBus {
  readonly #bus: Bus;
  readonly inhibitions: Inhibition[];

  private constructor(bus: Bus, inhibitions: Inhibition[]) {
    this.#bus = bus;
    this.inhibitions = inhibitions;
  }

  /** Nothing is answered, as by a logind that hangs: it would answer with a file descriptor, which Node cannot send. */
  static async start(): Promise<LoginBus> {
    const inhibitions: Inhibition[] = [];
    const bus = await Bus.start('org.freedesktop.login1', ({ member, body }) => {
      if (member === 'Inhibit') inhibitions.push({ what: body.text(), who: body.text(), why: body.text(), mode: body.text() });
      return undefined;
    });
    return new LoginBus(bus, inhibitions);
  }

  get address(): string {
    return this.#bus.address;
  }

  prepareForSleep(begins: boolean): void {
    this.#bus.signal({ path: '/org/freedesktop/login1', interface: 'org.freedesktop.login1.Manager', member: 'PrepareForSleep', signature: 'b' }, [word(begins ? 1 : 0)]);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
