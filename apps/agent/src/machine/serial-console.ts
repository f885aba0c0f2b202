import { connect, type Socket } from 'node:net';
import { printable, type Clock, type Log } from '@godwit/base';

/** What is kept of a guest's serial output: the guest decides how much it writes, so both are bounded. */
const linesMax = 10_000;
const lineBytesMax = 4096;
/** All of it fits one answer on the control socket, escaped as JSON. */
const keptBytesMax = 256 * 1024;

/**
 * The desktop's serial line, read into a bounded ring of lines. The guest is not trusted: its bytes are kept as text with
 * control bytes escaped, and nothing here answers to them.
 */
export class SerialConsole {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #lines: string[] = [];
  #keptBytes = 0;
  #open = '';
  #firstOutput: ((atMs: number) => void) | undefined;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** Connects to the socket QEMU listens on; rejects when it does not. */
  static connect(path: string, clock: Clock, log: Log): Promise<SerialConsole> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        socket.on('error', (error) => log.debug('serial-lost', { error }));
        const console = new SerialConsole(socket, clock);
        socket.on('data', (chunk: Buffer) => console.#take(chunk));
        resolve(console);
      });
    });
  }

  /** Calls back once, with the clock's `workMs`, when the next output arrives. */
  onNextOutput(callback: (atMs: number) => void): void {
    this.#firstOutput = callback;
  }

  /** The newest `count` lines, oldest first, printable. */
  lines(count: number): string[] {
    return this.#lines.slice(-count);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#firstOutput?.(this.#clock.workMs());
    this.#firstOutput = undefined;
    const pieces = (this.#open + chunk.toString('latin1')).split('\n');
    this.#open = (pieces.pop() ?? '').slice(-lineBytesMax);
    for (const piece of pieces) this.#keep(printable(piece.replace(/\r+$/, '').slice(0, lineBytesMax)));
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#keptBytes += line.length;
    while (this.#lines.length > linesMax || this.#keptBytes > keptBytesMax) this.#keptBytes -= this.#lines.shift()!.length;
  }
}
