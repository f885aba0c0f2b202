import { ByteWriter } from '@godwit/base';
import { MigrationDecoder, type MigrationDecoderOptions } from './decode.ts';
import { pageBytes, type RamBlock } from './format.ts';

/** What a decoder handed out, in order, in a form that compares well. */
export interface Transcript {
  readonly events: string[];
  /** Per block and page, the last content: 0 for a zero page, else its bytes. */
  readonly memory: Map<string, Buffer>;
  readonly blocks: RamBlock[];
  readonly machineType: string[];
  readonly configuration: Buffer[];
  readonly blob: Buffer[];
  readonly batchPages: number[];
  /** How many pieces of memory the batches of pages lay in. */
  memories: number;
}

/** The ways a stream may arrive. `splits` is a random source of piece lengths, 1 to 8191 bytes. */
export function pieces(stream: Buffer, way: 'whole' | 'bytes' | readonly number[]): Buffer[] {
  if (way === 'whole') return [stream];
  const parts: Buffer[] = [];
  for (let offset = 0, turn = 0; offset < stream.length; turn += 1) {
    const lengthBytes = way === 'bytes' ? 1 : way[turn % way.length]!;
    parts.push(Buffer.from(stream.subarray(offset, offset + lengthBytes)));
    offset += lengthBytes;
  }
  return parts;
}

export function decode(stream: Buffer, way: 'whole' | 'bytes' | readonly number[] = 'whole', options?: MigrationDecoderOptions): Transcript {
  const transcript: Transcript = { events: [], memory: new Map(), blocks: [], machineType: [], configuration: [], blob: [], batchPages: [], memories: 0 };
  const memories = new Set<ArrayBufferLike>();
  const decoder = new MigrationDecoder(
    {
      onConfiguration: ({ machineType, bytes }) => {
        transcript.machineType.push(machineType);
        transcript.configuration.push(bytes);
        transcript.events.push('configuration');
      },
      onBlocks: (blocks) => {
        transcript.blocks.push(...blocks);
        transcript.events.push('blocks');
      },
      onPages: ({ blockIndex, count, pages, bytes }) => {
        transcript.events.push(`pages ${blockIndex}: ${pages.join(' ')}`);
        transcript.batchPages.push(count);
        transcript.memories = memories.add(bytes.buffer).size;
        for (let index = 0; index < count; index += 1) transcript.memory.set(`${blockIndex}/${pages[index]}`, Buffer.from(bytes.subarray(index * pageBytes, (index + 1) * pageBytes)));
        // The decoder uses it again: nothing may be left of it.
        bytes.fill(0xdd);
      },
      onZeroPages: ({ blockIndex, pages }) => {
        transcript.events.push(`zeros ${blockIndex}: ${pages.join(' ')}`);
        for (const page of pages) transcript.memory.set(`${blockIndex}/${page}`, Buffer.alloc(0));
      },
      onRamEnd: () => transcript.events.push('ram end'),
      onDevice: (blob) => {
        transcript.blob.push(blob);
        transcript.events.push('device');
      },
      onEnd: () => transcript.events.push('end'),
    },
    options,
  );
  for (const piece of pieces(stream, way)) {
    decoder.push(piece);
    // The decoder may not look at a piece again.
    if (way !== 'whole') piece.fill(0xdd);
  }
  decoder.end();
  return transcript;
}

/** Writes streams record by record, the way QEMU does, so that tests do not depend on the encoder. */
export class StreamWriter {
  readonly #parts: Buffer[] = [];
  readonly #id = 2;

  raw(hex: string): this {
    this.#parts.push(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  head(machineType = 'pc-q35-7.2'): this {
    this.raw('5145564d 00000003 07').u32(machineType.length);
    return this.bytes(Buffer.from(machineType, 'latin1'));
  }

  u32(value: number): this {
    return this.bytes(new ByteWriter(4).u32(value).finish());
  }

  name(name: string): this {
    return this.bytes(Buffer.from([name.length])).bytes(Buffer.from(name, 'latin1'));
  }

  start(blocks: readonly RamBlock[], name = 'ram', version = 4): this {
    this.raw('01').u32(this.#id).name(name).u32(0).u32(version);
    this.u64(blocks.reduce((sum, { usedLengthBytes }) => sum + usedLengthBytes, 0) + 4);
    for (const { id, usedLengthBytes } of blocks) this.name(id).u64(usedLengthBytes);
    return this.close();
  }

  part(): this {
    return this.raw('02').u32(this.#id);
  }

  end(): this {
    return this.raw('03').u32(this.#id);
  }

  close(): this {
    return this.raw('0000000000000010 7e').u32(this.#id);
  }

  page(page: number, content: Buffer, block?: string): this {
    return this.#record(page, 8, block).bytes(content);
  }

  filled(page: number, fill: number, block?: string): this {
    return this.#record(page, 2, block).bytes(Buffer.from([fill]));
  }

  u64(value: number | bigint): this {
    return this.bytes(new ByteWriter(8).u64(value).finish());
  }

  /** A FULL section that looks right from outside. */
  device(bodyBytes = 40): this {
    return this.raw('04').u32(9).name('timer').u32(0).u32(2).bytes(Buffer.alloc(bodyBytes, 0x5a)).raw('7e').u32(9);
  }

  eof(description?: string): this {
    this.raw('00');
    return description === undefined ? this : this.raw('06').u32(Buffer.byteLength(description)).bytes(Buffer.from(description));
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #record(page: number, flag: number, block?: string): this {
    this.u64(BigInt(page) * 4096n + BigInt(flag | (block === undefined ? 0x20 : 0)));
    return block === undefined ? this : this.name(block);
  }
}
