import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, type Log } from '@godwit/base';
import { QmpSession, stop } from '@godwit/qemu';
import { isRunning, signalTo, type ProcessId } from '../machine/process-id.ts';
import type { Quarry } from './watch.ts';

const retryMs = 100;

/** The guarded QEMU: its process, and a monitor of its own, which is connected again whenever it is lost. */
export class GuardedQemu implements Quarry {
  readonly #id: ProcessId;
  readonly #socket: string;
  readonly #log: Log;
  #session: QmpSession | undefined;
  #standing = false;
  /** Counts what may have let the guest run again. */
  #goings = 0;

  constructor(id: ProcessId, socket: string, log: Log) {
    this.#id = id;
    this.#socket = socket;
    this.#log = log;
  }

  get running(): boolean {
    return isRunning(this.#id);
  }

  get standing(): boolean {
    return this.#standing;
  }

  /** Keeps a session open until QEMU ends. */
  async stayConnected(): Promise<void> {
    while (this.running) {
      try {
        const session = await QmpSession.connect(this.#socket);
        session.on('STOP', () => (this.#standing = true));
        session.on('RESUME', () => this.#goesOn());
        this.#session = session;
        await session.closed;
      } catch (error) {
        this.#log.info('monitor-not-connected', { error });
      }
      this.#session = undefined;
      this.#goesOn();
      await sleep(retryMs);
    }
  }

  async pause(): Promise<void> {
    for (;;) {
      const goings = this.#goings;
      if (await this.#stopped() && goings === this.#goings) {
        this.#standing = true;
        return;
      }
      if (!this.running) throw new Fault('QEMU_ENDED');
      await sleep(retryMs);
    }
  }

  freeze(): void {
    signalTo(this.#id, 'SIGSTOP');
  }

  kill(): void {
    signalTo(this.#id, 'SIGKILL');
  }

  async #stopped(): Promise<boolean> {
    if (this.#session === undefined) return false;
    try {
      await stop(this.#session);
      return true;
    } catch (error) {
      this.#log.info('stop-not-answered', { error });
      return false;
    }
  }

  #goesOn(): void {
    this.#standing = false;
    this.#goings += 1;
  }
}
