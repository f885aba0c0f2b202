import { Fault, type Log } from '@godwit/base';
import { examine, type NbdWork } from './examine.ts';
import type { ChosenExport, NbdBackend } from './export.ts';
import { nbdError, nbdLimits } from './protocol.ts';
import { encodeBlockStatus, encodeOutcome, encodeReadParts, encodeSimpleReply, type Extent, type ReadPart } from './replies.ts';
import type { NbdRequest } from './requests.ts';

/** Carries out one request and returns the pieces of its reply. Never rejects: what the backend throws is logged and becomes EIO. */
export async function perform(request: NbdRequest, chosen: ChosenExport, log: Log): Promise<Buffer[]> {
  const { cookie } = request;
  const work = examine(request, chosen);
  if (work.kind === 'refused') return encodeOutcome(cookie, chosen.structured, work.error, work.reason);
  try {
    switch (work.kind) {
      case 'read':
        return await performRead(cookie, work, chosen);
      case 'blockStatus':
        return encodeBlockStatus(cookie, await status(work, chosen.export.backend));
      default:
        await change(work, chosen.export.backend);
        return encodeOutcome(cookie, chosen.structured, nbdError.none, '');
    }
  } catch (error) {
    const { offsetBytes, cause } = error instanceof ReadFailure ? error : { offsetBytes: undefined, cause: error };
    log.error('nbd-request-failed', { export: chosen.export.name, work: work.kind, offsetBytes: offsetBytes ?? request.offset, error: Fault.from(cause) });
    return encodeOutcome(cookie, chosen.structured, nbdError.eio, 'the data is not to be had', offsetBytes);
  }
}

async function performRead(cookie: bigint, work: NbdWork & { kind: 'read' }, { structured, export: { backend } }: ChosenExport): Promise<Buffer[]> {
  if (!structured) return encodeSimpleReply(cookie, nbdError.none, await readExactly(backend, work.offsetBytes, work.lengthBytes));
  if (work.lengthBytes === 0) return encodeOutcome(cookie, true, nbdError.none, '');
  const whole = [{ lengthBytes: work.lengthBytes, zero: false }];
  const runs = work.oneChunk ? whole : worthTelling(mergeRuns(await backend.blockStatus(work.offsetBytes, work.lengthBytes), work.lengthBytes));
  let offsetBytes = work.offsetBytes;
  const parts = (runs.length > nbdLimits.chunks ? whole : runs).map(async ({ lengthBytes, zero }): Promise<ReadPart> => {
    const start = offsetBytes;
    offsetBytes += lengthBytes;
    if (zero) return { kind: 'hole', offsetBytes: start, lengthBytes };
    return { kind: 'data', offsetBytes: start, bytes: await readExactly(backend, start, lengthBytes) };
  });
  return encodeReadParts(cookie, await Promise.all(parts));
}

async function status(work: NbdWork & { kind: 'blockStatus' }, backend: NbdBackend): Promise<Extent[]> {
  const runs = mergeRuns(await backend.blockStatus(work.offsetBytes, work.lengthBytes), work.lengthBytes);
  return runs.slice(0, work.oneExtent ? 1 : nbdLimits.extents);
}

async function change(work: Exclude<NbdWork, { kind: 'read' | 'blockStatus' }>, backend: NbdBackend): Promise<void> {
  if (work.kind === 'flush') return backend.flush?.();
  if (work.kind === 'write') await backend.write?.(work.offsetBytes, work.bytes);
  else if (work.lengthBytes > 0) await backend.writeZeroes?.(work.offsetBytes, work.lengthBytes);
  if (work.durable) await backend.flush?.();
}

/** A failed read, with the place at which it failed. */
class ReadFailure extends Error {
  readonly offsetBytes: number;

  constructor(offsetBytes: number, cause: unknown) {
    super('read failed', { cause });
    this.offsetBytes = offsetBytes;
  }
}

async function readExactly(backend: NbdBackend, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  if (lengthBytes === 0) return Buffer.alloc(0);
  try {
    const bytes = await backend.read(offsetBytes, lengthBytes);
    if (bytes.length !== lengthBytes) throw new Fault('NBD_BACKEND_BAD', { subject: 'read', expected: `${lengthBytes} bytes`, found: String(bytes.length) });
    return bytes;
  } catch (error) {
    throw new ReadFailure(offsetBytes, error);
  }
}

/** Runs without neighbours of one kind, exactly `lengthBytes` long. NBD_BACKEND_BAD when they do not reach so far or one is no length. */
export function mergeRuns(runs: readonly Extent[], lengthBytes: number): Extent[] {
  const merged: Extent[] = [];
  let leftBytes = lengthBytes;
  for (const run of runs) {
    if (!Number.isSafeInteger(run.lengthBytes) || run.lengthBytes <= 0) {
      throw new Fault('NBD_BACKEND_BAD', { subject: 'block status', expected: 'runs of at least one byte', found: String(run.lengthBytes) });
    }
    append(merged, { lengthBytes: Math.min(run.lengthBytes, leftBytes), zero: run.zero });
    leftBytes = Math.max(0, leftBytes - run.lengthBytes);
    if (leftBytes === 0) return merged;
  }
  throw new Fault('NBD_BACKEND_BAD', { subject: 'block status', expected: `runs of ${lengthBytes} bytes`, found: `${leftBytes} fewer` });
}

/** Turns holes too short for a chunk of their own into data; a read of nothing but zeros stays a hole. */
function worthTelling(runs: readonly Extent[]): Extent[] {
  if (runs.length === 1) return [...runs];
  const told: Extent[] = [];
  for (const run of runs) append(told, { lengthBytes: run.lengthBytes, zero: run.zero && run.lengthBytes >= nbdLimits.holeBytes });
  return told;
}

function append(runs: Extent[], run: Extent): void {
  const last = runs.at(-1);
  if (last?.zero === run.zero) runs[runs.length - 1] = { lengthBytes: last.lengthBytes + run.lengthBytes, zero: run.zero };
  else runs.push(run);
}
