import { Fault, type Clock } from '@godwit/base';
import { storeAnswered, UploadLimit, type ObjectStore } from '@godwit/snapshot';
import { PatientStore, sleep } from '../arrive/patient-store.ts';
import { throwIfCalledOff } from '../desktop/called-off.ts';
import { storeOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { isOutOfReach } from '../offline/out-of-reach.ts';
import type { ExpectedUpload } from './expected-upload.ts';
import type { Line } from './next-checkpoint.ts';

/** So long a break in the network is waited out; after that there are other ways to be safe. */
const outageMs = 60_000;
const firstPauseMs = 250;
const pauseMsMax = 2_000;
const never = new AbortController().signal;

export interface SendingOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Told what is handed over. */
  readonly upload: ExpectedUpload;
  readonly signal: AbortSignal | undefined;
  /** What it waits for, for its person: told at once, and kept as the note of the desktop. */
  readonly tell: (say: string) => void;
  readonly note: (note: string | undefined) => void;
}

export interface SendWish extends Pick<SendingOptions, 'upload' | 'signal' | 'tell'> {
  /** Undefined: all that the line gives. */
  readonly limitBytesPerSecond: number | undefined;
}

/** The way of `desktop` into the checkpoint of that line. */
export function sendingOf(host: Host, desktop: LocalDesktop, { desktopId, epoch }: Pick<Line, 'desktopId' | 'epoch'>, { limitBytesPerSecond, ...wish }: SendWish): Sending {
  const { clock } = host;
  const limit = limitBytesPerSecond === undefined ? {} : { limit: new UploadLimit({ bytesPerSecond: limitBytesPerSecond, clock }) };
  const store = storeOf(host, desktopId, epoch, [], wish.signal, { ...limit, onSent: (lengthBytes) => wish.upload.sent(lengthBytes) });
  return new Sending({ ...wish, store, clock, note: (note) => (desktop.note = note) });
}

/**
 * The way of one departure to the store. A network that breaks once something has arrived is waited for, a minute at the most, and what has arrived is not sent
 * again: a request that failed is tried again by itself. One that was never there, or a store that answers that it cannot, fails at once.
 */
export class Sending {
  readonly store: ObjectStore;
  readonly #options: SendingOptions;
  readonly #patient: PatientStore;
  #arrived = false;
  #noted = false;
  #patience: NodeJS.Timeout | undefined;
  readonly #callOff = (): void => {
    clearTimeout(this.#patience);
    this.#patient.end();
  };

  constructor(options: SendingOptions) {
    this.#options = options;
    const { store, upload, signal } = options;
    this.#patient = new PatientStore(store);
    this.#patient.begin((fault) => this.#waits(fault));
    signal?.addEventListener('abort', this.#callOff);
    const patient = this.#patient;
    this.store = {
      put: async (key, body, ...known) => {
        upload.handed(body.length);
        await patient.put(key, body, ...known).catch((error: unknown) => {
          // What it waited about is not why it ends.
          throwIfCalledOff(signal);
          throw error;
        });
        this.#arrived = true;
      },
      get: (...request) => patient.get(...request),
      size: (key) => patient.size(key),
      list: (prefix) => patient.list(prefix),
      delete: (key) => patient.delete(key),
    };
  }

  /** What is asked of the coordinator itself when all has been sent: waited for as the store is. `work` may be done again when it throws that somebody is out of reach. */
  async patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const { clock, signal } = this.#options;
    const startedMs = clock.bootMs();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      try {
        return await work();
      } catch (error) {
        const fault = Fault.from(error);
        if (!isOutOfReach(fault) || clock.bootMs() - startedMs > outageMs) throw error;
        this.#tell(waitsFor(fault));
        await sleep(pauseMs, signal ?? never);
        throwIfCalledOff(signal);
      }
    }
  }

  /** Nothing is waited for any more. */
  end(): void {
    clearTimeout(this.#patience);
    this.#options.signal?.removeEventListener('abort', this.#callOff);
    this.#patient.end();
    if (this.#noted) this.#options.note(undefined);
  }

  #waits(fault: Fault | undefined): void {
    clearTimeout(this.#patience);
    if (fault === undefined) return this.#tell(undefined);
    if (!this.#arrived || storeAnswered(fault)) return this.#patient.end();
    this.#tell(waitsFor(fault));
    this.#patience = setTimeout(() => this.#patient.end(), outageMs);
  }

  #tell(waits: string | undefined): void {
    this.#noted = waits !== undefined;
    this.#options.note(waits);
    this.#options.tell(waits ?? 'the store is back');
  }
}

function waitsFor({ message }: Fault): string {
  return `waits for the store: ${message}`;
}
