import { Fault } from '@godwit/base';
import { controlLineBytesMax } from '@godwit/wire';

/** Cuts a stream of bytes into lines, bounded: a peer that never ends its line gets CONTROL_LINE_TOO_LONG. Sans I/O. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;

  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      lines.push(Buffer.concat([...this.#rest, chunk.subarray(start, end)]).toString('utf8'));
      this.#rest = [];
      this.#restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#restBytes += chunk.length - start;
    }
    if (this.#restBytes > controlLineBytesMax) throw new Fault('CONTROL_LINE_TOO_LONG', { expected: `at most ${controlLineBytesMax} bytes` });
    return lines;
  }
}
