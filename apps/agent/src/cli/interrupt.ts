import { Fault } from '@godwit/base';
import type { ControlCommand } from '@godwit/wire';
import type { SecondThoughts } from '../daemon/control-client.ts';
import { exitCodes } from './exit-code.ts';

/** Commands that the agent undoes when they are called off. With any other Ctrl-C ends the command line only, and the agent goes on. */
const undoable: ReadonlySet<ControlCommand> = new Set(['suspend', 'checkpoint', 'resume', 'takeover', 'move']);

/** Where the agent is with it, for whoever leaves. */
export interface InterruptParts {
  readonly say: (text: string) => void;
  /** The phase that was told last. */
  readonly phase: string | undefined;
}

/**
 * Ctrl-C while the agent works: the first calls the command off and waits for what comes of it, the second leaves (CALLER_LEFT). So does SIGTERM at
 * once: whoever sends it waits for nobody.
 */
export class Interrupt implements Disposable {
  readonly thoughts: SecondThoughts | undefined;
  readonly #cancel = new AbortController();
  readonly #leave = new AbortController();
  readonly #parts: InterruptParts;
  #terminated = false;

  constructor(command: ControlCommand, parts: InterruptParts) {
    this.#parts = parts;
    if (!undoable.has(command)) return;
    this.thoughts = { cancel: this.#cancel.signal, leave: this.#leave.signal };
    process.on('SIGINT', this.#interrupted);
    process.on('SIGTERM', this.#ended);
  }

  /** Of a command that was ended by SIGTERM. */
  get exitCode(): number | undefined {
    return this.#terminated ? exitCodes.terminated : undefined;
  }

  readonly #interrupted = (): void => {
    if (this.#cancel.signal.aborted) {
      this.#goAway();
      return;
    }
    this.#parts.say('calling it off; Ctrl-C again leaves it to the agent');
    this.#cancel.abort();
  };

  readonly #ended = (): void => {
    this.#terminated = true;
    this.#goAway();
  };

  #goAway(): void {
    const { phase } = this.#parts;
    this.#leave.abort(new Fault('CALLER_LEFT', phase === undefined ? {} : { found: `the agent in phase ${phase}` }));
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupted);
    process.off('SIGTERM', this.#ended);
  }
}
