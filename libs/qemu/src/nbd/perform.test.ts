import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLog } from '@godwit/base';
import fc from 'fast-check';
import type { ChosenExport, NbdBackend } from './export.ts';
import { mergeRuns, perform } from './perform.ts';
import { chunk, command, commandFlag, nbdError, nbdLimits } from './protocol.ts';
import type { Extent } from './replies.ts';
import type { NbdRequest } from './requests.ts';
import { decodeReplies, type Reply } from './test-client.ts';

const exportBytes = 1 << 20;

describe('NBD errors, by the table of the specification', () => {
  const rows: readonly [string, Partial<NbdRequest>, Partial<ChosenExport> & { readOnly?: boolean; bare?: boolean }, number][] = [
    ['read to the very end', { command: command.read, offset: BigInt(exportBytes - 512), lengthBytes: 512 }, {}, nbdError.none],
    ['read of nothing at the end', { command: command.read, offset: BigInt(exportBytes), lengthBytes: 0 }, {}, nbdError.none],
    ['read beyond the end', { command: command.read, offset: BigInt(exportBytes - 511), lengthBytes: 512 }, {}, nbdError.einval],
    ['read at 2^64 - 1', { command: command.read, offset: 2n ** 64n - 1n, lengthBytes: 1 }, {}, nbdError.einval],
    ['write beyond the end', { command: command.write, offset: BigInt(exportBytes), lengthBytes: 1, payload: Buffer.alloc(1) }, {}, nbdError.enospc],
    ['write zeroes beyond the end', { command: command.writeZeroes, lengthBytes: exportBytes + 1 }, {}, nbdError.enospc],
    ['trim beyond the end', { command: command.trim, lengthBytes: exportBytes + 1 }, {}, nbdError.einval],
    ['block status beyond the end', { command: command.blockStatus, lengthBytes: exportBytes + 1 }, {}, nbdError.einval],
    ['block status of nothing', { command: command.blockStatus, lengthBytes: 0 }, {}, nbdError.einval],
    ['block status that was not negotiated', { command: command.blockStatus, lengthBytes: 1 }, { allocation: false }, nbdError.einval],
    ['write to a read-only export', { command: command.write, lengthBytes: 1, payload: Buffer.alloc(1) }, { readOnly: true }, nbdError.eperm],
    ['write zeroes to a read-only export', { command: command.writeZeroes, lengthBytes: 1 }, { readOnly: true }, nbdError.eperm],
    ['trim of a read-only export', { command: command.trim, lengthBytes: 1 }, { readOnly: true }, nbdError.eperm],
    ['flush', { command: command.flush }, {}, nbdError.none],
    ['flush of a read-only export', { command: command.flush }, { readOnly: true }, nbdError.einval],
    ['flush that was not offered', { command: command.flush }, { bare: true }, nbdError.einval],
    ['write zeroes that was not offered', { command: command.writeZeroes, lengthBytes: 1 }, { bare: true }, nbdError.einval],
    ['FUA that was not offered', { command: command.write, flags: commandFlag.fua }, { bare: true }, nbdError.einval],
    ['FUA on a read', { command: command.read, flags: commandFlag.fua }, {}, nbdError.none],
    ['DF without structured replies', { command: command.read, flags: commandFlag.dontFragment }, { structured: false, allocation: false }, nbdError.einval],
    ['REQ_ONE on a read', { command: command.read, flags: commandFlag.oneExtent }, {}, nbdError.einval],
    ['fast zero', { command: command.writeZeroes, flags: 1 << 4 }, {}, nbdError.einval],
    ['an unknown flag', { command: command.read, flags: 1 << 15 }, {}, nbdError.einval],
    ['cache', { command: 5 }, {}, nbdError.einval],
    ['resize', { command: 8 }, {}, nbdError.einval],
    ['command 65535', { command: 65535 }, {}, nbdError.einval],
  ];
  for (const [name, request, { readOnly = false, bare = false, ...chosen }, error] of rows) {
    test(`${name}: ${error}`, async () => {
      const disk = new Disk();
      const backend: NbdBackend = bare ? { read: disk.read, blockStatus: disk.blockStatus, write: disk.write } : disk;
      for (const structured of chosen.structured === undefined ? [true, false] : [chosen.structured]) {
        if (!structured && request.command === command.blockStatus) continue;
        const replies = await ask(request, { structured, allocation: true, ...chosen, export: { name: 'd', lengthBytes: exportBytes, readOnly, backend } });
        assert.equal(replies.at(-1)?.error, error);
        assert.equal(replies.at(-1)?.done, true);
      }
      assert.ok(error === nbdError.none || disk.bytes.equals(new Disk().bytes), 'a refused request changes nothing');
    });
  }

  test('a read longer than the limit', async () => {
    const large = { ...over(new Disk()), export: { name: 'd', lengthBytes: nbdLimits.requestBytes * 2, readOnly: true, backend: new Disk() } };
    const [reply] = await ask({ command: command.read, lengthBytes: nbdLimits.requestBytes + 1 }, large);
    assert.equal(reply?.error, nbdError.einval);
  });
});

describe('NBD reads', () => {
  test('structured reads give the bytes of the backend, in chunks that cover the request once', async () => {
    const range = fc.tuple(fc.nat(exportBytes - 1), fc.nat(200_000)).map(([offset, lengthBytes]) => ({ offset, lengthBytes: Math.min(lengthBytes, exportBytes - offset) }));
    const disk = new Disk();
    await fc.assert(
      fc.asyncProperty(range, fc.boolean(), async ({ offset, lengthBytes }, oneChunk) => {
        const replies = await ask({ command: command.read, offset: BigInt(offset), lengthBytes, flags: oneChunk ? commandFlag.dontFragment : 0 }, over(disk));
        assert.deepEqual(assemble(replies, offset, lengthBytes), disk.bytes.subarray(offset, offset + lengthBytes));
        if (oneChunk) assert.equal(replies.length, 1);
        assert.deepEqual(replies.map(({ done }) => done), replies.map((_, index) => index === replies.length - 1));
      }),
    );
  });

  test('simple reads give the same bytes', async () => {
    const disk = new Disk();
    const [reply] = await ask({ command: command.read, offset: 65_000n, lengthBytes: 140_000 }, { ...over(disk), structured: false });
    assert.deepEqual(reply?.data, disk.bytes.subarray(65_000, 205_000));
  });

  test('a hole is told, never read', async () => {
    const disk = new Disk();
    const replies = await ask({ command: command.read, offset: 65536n * 2n, lengthBytes: 65536 }, over(disk));
    assert.deepEqual(replies.map(({ type }) => type), [chunk.offsetHole]);
    assert.deepEqual(disk.reads, []);
  });

  test('a read in more pieces than a reply has chunks is one piece of data', async () => {
    const disk = new Disk();
    const flickering = over({ ...disk.asBackend(), blockStatus: (_offset, lengthBytes) => Promise.resolve(Array.from({ length: lengthBytes / 4096 }, (_, index) => ({ lengthBytes: 4096, zero: index % 2 === 0 }))) });
    assert.deepEqual((await ask({ command: command.read, lengthBytes: 128 * 4096 }, flickering)).map(({ type }) => type), [chunk.offsetData]);
    assert.equal((await ask({ command: command.read, lengthBytes: 64 * 4096 }, flickering)).length, 64);
  });

  test('a failing backend is EIO at the place where it failed', async () => {
    const disk = new Disk();
    const failing = over({ ...disk.asBackend(), read: (offsetBytes, lengthBytes) => (offsetBytes >= 3 * 65536 ? Promise.reject(new Error('gone')) : disk.read(offsetBytes, lengthBytes)) });
    const [reply, ...rest] = await ask({ command: command.read, lengthBytes: 4 * 65536 }, failing);
    assert.deepEqual(rest, []);
    assert.deepEqual([reply?.type, reply?.error, reply?.done], [chunk.errorOffset, nbdError.eio, true]);
    assert.equal(reply?.data.readBigUInt64BE(reply.data.length - 8), BigInt(3 * 65536));
  });

  test('a backend that gives too little, or runs that make no sense, is EIO', async () => {
    const disk = new Disk();
    const wrong: Partial<NbdBackend>[] = [
      { read: (offsetBytes, lengthBytes) => disk.read(offsetBytes, lengthBytes - 1) },
      { blockStatus: () => Promise.resolve([]) },
      { blockStatus: () => Promise.resolve([{ lengthBytes: 0, zero: true }]) },
      { blockStatus: () => Promise.resolve([{ lengthBytes: -5, zero: true }]) },
      { blockStatus: () => Promise.resolve([{ lengthBytes: 100, zero: false }]) },
      { blockStatus: () => { throw new Error('thrown, not rejected'); } },
    ];
    for (const part of wrong) {
      const [reply] = await ask({ command: command.read, lengthBytes: 4096 }, over({ ...disk.asBackend(), ...part }));
      assert.equal(reply?.error, nbdError.eio);
    }
  });
});

describe('NBD block status', () => {
  test('extents cover the range; REQ_ONE gives the first', async () => {
    const disk = new Disk();
    const request = { command: command.blockStatus, offset: 65536n + 100n, lengthBytes: 3 * 65536 };
    assert.deepEqual(extentsOf(await ask(request, over(disk))), [[65536 - 100, 0], [65536, 3], [65536 + 100, 0]]);
    assert.deepEqual(extentsOf(await ask({ ...request, flags: commandFlag.oneExtent }, over(disk))), [[65536 - 100, 0]]);
    assert.deepEqual(disk.reads, []);
  });

  test('a reply has a bounded number of extents', async () => {
    const flickering = { ...new Disk().asBackend(), blockStatus: (): Promise<Extent[]> => Promise.resolve(Array.from({ length: 20_000 }, (_, index) => ({ lengthBytes: 50, zero: index % 2 === 0 }))) };
    assert.equal(extentsOf(await ask({ command: command.blockStatus, lengthBytes: exportBytes - 100_000 }, over(flickering))).length, nbdLimits.extents);
  });

  test('merged runs keep every byte and have no equal neighbours', () => {
    const runs = fc.array(fc.record({ lengthBytes: fc.integer({ min: 1, max: 20 }), zero: fc.boolean() }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(runs, fc.nat(100), (list, less) => {
        const flat = list.flatMap(({ lengthBytes, zero }) => Array<boolean>(lengthBytes).fill(zero));
        const wantedBytes = Math.max(1, flat.length - less);
        const merged = mergeRuns(list, wantedBytes);
        assert.deepEqual(merged.flatMap(({ lengthBytes, zero }) => Array<boolean>(lengthBytes).fill(zero)), flat.slice(0, wantedBytes));
        assert.ok(merged.every((run, index) => index === 0 || run.zero !== merged[index - 1]?.zero));
      }),
    );
  });
});

describe('NBD writes', () => {
  test('write, zeroes and trim change the disk; FUA flushes after the change', async () => {
    const disk = new Disk();
    await ask({ command: command.write, offset: 10n, lengthBytes: 3, payload: Buffer.from('abc'), flags: commandFlag.fua }, over(disk));
    assert.deepEqual(disk.journal, ['write 10+3', 'flush']);
    assert.equal(disk.bytes.toString('latin1', 10, 13), 'abc');
    await ask({ command: command.writeZeroes, offset: 10n, lengthBytes: 1, flags: commandFlag.noHole | commandFlag.fua }, over(disk));
    await ask({ command: command.trim, offset: 12n, lengthBytes: 1 }, over(disk));
    await ask({ command: command.flush }, over(disk));
    assert.deepEqual(disk.journal.slice(2), ['zero 10+1', 'flush', 'zero 12+1', 'flush']);
    assert.equal(disk.bytes.toString('latin1', 10, 13), '\0b\0');
  });

  test('a write that fails is EIO and not flushed', async () => {
    const disk = new Disk();
    const failing = over({ ...disk.asBackend(), write: () => Promise.reject(new Error('full')) });
    const [reply] = await ask({ command: command.write, lengthBytes: 1, payload: Buffer.alloc(1), flags: commandFlag.fua }, failing);
    assert.equal(reply?.error, nbdError.eio);
    assert.deepEqual(disk.journal, []);
  });
});

/** Clusters 0, 1, 3, 4, ... hold data, every third is zero. */
class Disk implements NbdBackend {
  readonly bytes = Buffer.alloc(exportBytes);
  readonly reads: number[] = [];
  readonly journal: string[] = [];

  constructor() {
    for (let at = 0; at < exportBytes; at += 1) if (Math.floor(at / 65536) % 3 !== 2) this.bytes[at] = (at % 251) + 1;
  }

  read = (offsetBytes: number, lengthBytes: number): Promise<Buffer> => {
    this.reads.push(offsetBytes);
    return Promise.resolve(Buffer.from(this.bytes.subarray(offsetBytes, offsetBytes + lengthBytes)));
  };

  blockStatus = (offsetBytes: number, lengthBytes: number): Promise<Extent[]> => {
    const runs: Extent[] = [];
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; ) {
      const end = Math.min((Math.floor(at / 65536) + 1) * 65536, offsetBytes + lengthBytes);
      runs.push({ lengthBytes: end - at, zero: Math.floor(at / 65536) % 3 === 2 });
      at = end;
    }
    return Promise.resolve(runs);
  };

  write = (offsetBytes: number, bytes: Buffer): Promise<void> => {
    this.journal.push(`write ${offsetBytes}+${bytes.length}`);
    this.bytes.set(bytes, offsetBytes);
    return Promise.resolve();
  };

  writeZeroes = (offsetBytes: number, lengthBytes: number): Promise<void> => {
    this.journal.push(`zero ${offsetBytes}+${lengthBytes}`);
    this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    return Promise.resolve();
  };

  flush = (): Promise<void> => {
    this.journal.push('flush');
    return Promise.resolve();
  };

  asBackend(): NbdBackend {
    return { read: this.read, blockStatus: this.blockStatus, write: this.write, writeZeroes: this.writeZeroes, flush: this.flush };
  }
}

function over(backend: NbdBackend): ChosenExport {
  return { structured: true, allocation: true, export: { name: 'd', lengthBytes: exportBytes, readOnly: false, backend } };
}

async function ask(request: Partial<NbdRequest>, chosen: ChosenExport): Promise<Reply[]> {
  const whole: NbdRequest = { flags: 0, command: 0, cookie: 42n, offset: 0n, lengthBytes: 0, payload: Buffer.alloc(0), ...request };
  const replies = decodeReplies(Buffer.concat(await perform(whole, chosen, silentLog)), whole.command === command.read ? whole.lengthBytes : 0);
  assert.ok(replies.length > 0 && replies.every(({ cookie }) => cookie === 42n));
  return replies;
}

function assemble(replies: readonly Reply[], offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes, 0xee);
  let coveredBytes = 0;
  for (const { type, data } of replies) {
    if (type === chunk.none) continue;
    const at = Number(data.readBigUInt64BE()) - offset;
    const piece = type === chunk.offsetHole ? Buffer.alloc(data.readUInt32BE(8)) : data.subarray(8);
    bytes.set(piece, at);
    coveredBytes += piece.length;
  }
  assert.equal(coveredBytes, lengthBytes);
  return bytes;
}

function extentsOf([reply]: readonly Reply[]): [number, number][] {
  assert.equal(reply?.type, chunk.blockStatus);
  return Array.from({ length: (reply.data.length - 4) / 8 }, (_, index) => [reply.data.readUInt32BE(4 + index * 8), reply.data.readUInt32BE(8 + index * 8)]);
}
