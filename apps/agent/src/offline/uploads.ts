import { Fault } from '@godwit/base';
import type { ControlProgress } from '@godwit/wire';
import { bytesText } from '../cli/figures.ts';
import type { Departed } from '../depart/depart.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { uploadSaved, type UploadOptions } from './upload.ts';

/** What becomes of a desktop whose upload has ended. */
export interface UploadEnds {
  /** It is in the store, and nothing of it here. */
  readonly onSafe: (desktop: LocalDesktop) => void;
  /** A commit was sent, and nobody knows what became of it. */
  readonly onUnknown: (desktop: LocalDesktop) => void;
  /** Somebody said that its epoch is not the current one. */
  readonly onFenced: (desktop: LocalDesktop, fault: Fault) => void;
}

interface Waiting {
  timer: NodeJS.Timeout | undefined;
  /** Until the next attempt, once this one has failed. */
  pauseMs: number;
  /** The coordinator answered and the store did not: to hear of the coordinator says nothing new. */
  storeAway: boolean;
  cancel: AbortController | undefined;
  /** Settles, never rejects, with the end of the attempt under way. */
  attempt: Promise<void> | undefined;
}

/** What was here is not: no time brings it back. */
const missing: ReadonlySet<string> = new Set(['DATA_MISSING', 'OBJECT_MISSING']);
const firstPauseMs = 2_000;
const pauseMsMax = 60_000;

/**
 * The desktops that are on this machine only and wait for the store. Each is tried when its coordinator is heard of, and by itself after a
 * pause that doubles. What no time cures (a damaged file, a revoked host) is told in the note and tried again when somebody asks for it.
 */
export class Uploads {
  readonly #host: Host;
  readonly #ends: UploadEnds;
  readonly #waiting = new Map<LocalDesktop, Waiting>();

  constructor(host: Host, ends: UploadEnds) {
    this.#host = host;
    this.#ends = ends;
  }

  /** It is saved here from now on. */
  begin(desktop: LocalDesktop): void {
    if (this.#waiting.has(desktop)) return;
    const waiting: Waiting = { timer: undefined, pauseMs: firstPauseMs, storeAway: false, cancel: undefined, attempt: undefined };
    this.#waiting.set(desktop, waiting);
    this.#later(desktop, waiting);
  }

  /** The coordinator was heard of, with this desktop's epoch as the current one. */
  reached(desktop: LocalDesktop): void {
    const waiting = this.#waiting.get(desktop);
    if (waiting?.storeAway === false) this.#try(desktop, waiting);
  }

  /** Somebody wants to go on with the desktop here: ends what is under way. Throws DESKTOP_BUSY when its commit was sent. */
  async stop(desktop: LocalDesktop): Promise<void> {
    const waiting = this.#waiting.get(desktop);
    if (waiting === undefined) return;
    if (desktop.record.commit !== null) throw new Fault('DESKTOP_BUSY', { subject: desktop.name, found: 'the commit of its checkpoint' });
    clearTimeout(waiting.timer);
    waiting.cancel?.abort();
    await waiting.attempt;
    this.#waiting.delete(desktop);
  }

  /** It is given up. */
  forget(desktop: LocalDesktop): void {
    clearTimeout(this.#waiting.get(desktop)?.timer);
    this.#waiting.delete(desktop);
  }

  /** Now, for somebody who waits for it. Throws what the upload throws; the desktop goes on waiting then; so too where it is called off. */
  async now(desktop: LocalDesktop, options: UploadOptions): Promise<Departed> {
    await this.stop(desktop);
    try {
      const departed = await desktop.exclusively('uploading', () => uploadSaved(this.#host, desktop, options));
      this.#ends.onSafe(desktop);
      return departed;
    } catch (error) {
      this.begin(desktop);
      this.#failed(desktop, Fault.from(error));
      throw error;
    }
  }

  #later(desktop: LocalDesktop, waiting: Waiting): void {
    waiting.timer = setTimeout(() => this.#try(desktop, waiting), waiting.pauseMs);
    waiting.timer.unref();
    waiting.pauseMs = Math.min(waiting.pauseMs * 2, pauseMsMax);
  }

  #try(desktop: LocalDesktop, waiting: Waiting): void {
    if (waiting.attempt !== undefined) return;
    clearTimeout(waiting.timer);
    // Taken over elsewhere: what is here goes another way.
    if (desktop.record.stage !== 'saved') return void this.#waiting.delete(desktop);
    // Whatever else is under way with it says itself when it is saved again.
    if (desktop.operation !== undefined) return this.#later(desktop, waiting);
    waiting.cancel = new AbortController();
    waiting.attempt = this.#attempt(desktop, waiting, waiting.cancel.signal).finally(() => (waiting.attempt = undefined));
  }

  async #attempt(desktop: LocalDesktop, waiting: Waiting, signal: AbortSignal): Promise<void> {
    try {
      const report = ({ phase, doneBytes }: ControlProgress): void => {
        desktop.note = doneBytes === 0 ? `on its way to the store (${phase})` : `on its way to the store (${phase}, ${bytesText(doneBytes)} sent)`;
      };
      const { sequence } = await desktop.exclusively('uploading', () => uploadSaved(this.#host, desktop, { signal, report }));
      this.#waiting.delete(desktop);
      this.#host.log.info('saved-uploaded', { desktop: desktop.record.desktopId, sequence });
      this.#ends.onSafe(desktop);
    } catch (error) {
      const fault = Fault.from(error);
      waiting.storeAway = fault.code === 'STORE_UNAVAILABLE';
      if (this.#failed(desktop, fault) && this.#waiting.get(desktop) === waiting) this.#later(desktop, waiting);
    }
  }

  /** True: time may cure it. */
  #failed(desktop: LocalDesktop, fault: Fault): boolean {
    desktop.note = fault.code === 'CANCELLED' ? undefined : `not in the store yet: ${fault.message}`;
    if (fault.code === 'CANCELLED') return false;
    if (desktop.commitPending) {
      this.#waiting.delete(desktop);
      this.#ends.onUnknown(desktop);
      return false;
    }
    if (fault.kind === 'fenced') this.#ends.onFenced(desktop, fault);
    return fault.kind === 'fenced' || (fault.kind === 'unavailable' && !missing.has(fault.code));
  }
}
