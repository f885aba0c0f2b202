import { ByteWriter, Fault } from '@godwit/base';
import { controlLineBytesMax } from '@godwit/wire';

/**
 * Cuts a stream of bytes into lines, bounded: a line that is longer than the limit, ended or not, gets CONTROL_LINE_TOO_LONG, and
 * so does everything after it. Memory is that of the line under way, however small its pieces. Sans I/O.
 */
export class LineSplitter {
  #rest = new ByteWriter();
  #refused = false;

  /** The lines that `chunk` completes, without their ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      lines.push(this.#extend(chunk.subarray(start, end)).finish().toString('utf8'));
      this.#rest = new ByteWriter();
      start = end + 1;
    }
    this.#extend(chunk.subarray(start));
    return lines;
  }

  #extend(piece: Buffer): ByteWriter {
    this.#refused ||= this.#rest.lengthBytes + piece.length > controlLineBytesMax;
    if (this.#refused) throw new Fault('CONTROL_LINE_TOO_LONG', { expected: `at most ${controlLineBytesMax} bytes` });
    return this.#rest.put(piece);
  }
}
