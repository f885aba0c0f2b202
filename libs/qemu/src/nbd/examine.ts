import type { ChosenExport } from './export.ts';
import { command, commandFlag, nbdError, nbdLimits, type NbdError } from './protocol.ts';
import type { NbdRequest } from './requests.ts';

/** A request that may be carried out: it lies inside the export and asks for nothing that was not offered. */
export type NbdWork =
  | { readonly kind: 'read'; readonly offsetBytes: number; readonly lengthBytes: number; readonly oneChunk: boolean }
  | { readonly kind: 'blockStatus'; readonly offsetBytes: number; readonly lengthBytes: number; readonly oneExtent: boolean }
  | { readonly kind: 'write'; readonly offsetBytes: number; readonly bytes: Buffer; readonly durable: boolean }
  | { readonly kind: 'writeZeroes'; readonly offsetBytes: number; readonly lengthBytes: number; readonly durable: boolean }
  | { readonly kind: 'flush' };

export interface Refusal {
  readonly kind: 'refused';
  readonly error: Exclude<NbdError, 0>;
  readonly reason: string;
}

const changing: ReadonlySet<number> = new Set([command.write, command.writeZeroes, command.trim]);

/** Flags a command may carry, besides FUA, which is allowed on every command where it is offered at all. */
const allowedFlags = new Map<number, number>([
  [command.read, commandFlag.dontFragment],
  [command.write, 0],
  [command.flush, 0],
  [command.trim, 0],
  [command.writeZeroes, commandFlag.noHole],
  [command.blockStatus, commandFlag.oneExtent],
]);

/** Decides what a request comes to, by the table of errors in the specification. Touches nothing. */
export function examine(request: NbdRequest, chosen: ChosenExport): NbdWork | Refusal {
  const { readOnly, lengthBytes: exportBytes, backend } = chosen.export;
  const flags = allowedFlags.get(request.command);
  if (flags === undefined) return refuse(nbdError.einval, 'the command is unknown');
  if (readOnly && changing.has(request.command)) return refuse(nbdError.eperm, 'the export is read-only');
  const offersFua = !readOnly && backend.flush !== undefined;
  if ((request.flags & ~(flags | (offersFua ? commandFlag.fua : 0))) !== 0) return refuse(nbdError.einval, 'a flag is not allowed here');
  if (request.command === command.flush) return offersFua ? { kind: 'flush' } : refuse(nbdError.einval, 'flush was not offered');
  if (request.offset + BigInt(request.lengthBytes) > BigInt(exportBytes)) {
    const grows = request.command === command.write || request.command === command.writeZeroes;
    return refuse(grows ? nbdError.enospc : nbdError.einval, 'the range is outside the export');
  }
  return ranged(request, chosen, Number(request.offset));
}

/** The commands that have a range, which is known to lie inside the export. */
function ranged({ command: asked, flags, lengthBytes, payload }: NbdRequest, chosen: ChosenExport, offsetBytes: number): NbdWork | Refusal {
  const { backend } = chosen.export;
  const durable = (flags & commandFlag.fua) !== 0;
  switch (asked) {
    case command.read: {
      if (lengthBytes > nbdLimits.requestBytes) return refuse(nbdError.einval, 'the read is too long');
      const oneChunk = (flags & commandFlag.dontFragment) !== 0;
      if (oneChunk && !chosen.structured) return refuse(nbdError.einval, 'a flag is not allowed here');
      return { kind: 'read', offsetBytes, lengthBytes, oneChunk };
    }
    case command.blockStatus:
      if (!chosen.allocation) return refuse(nbdError.einval, 'no meta context was chosen');
      if (lengthBytes === 0) return refuse(nbdError.einval, 'the range is empty');
      return { kind: 'blockStatus', offsetBytes, lengthBytes: Math.min(lengthBytes, nbdLimits.statusBytes), oneExtent: (flags & commandFlag.oneExtent) !== 0 };
    case command.write:
      return { kind: 'write', offsetBytes, bytes: payload, durable };
    default:
      if (backend.writeZeroes === undefined) return refuse(nbdError.einval, 'the command was not offered');
      return { kind: 'writeZeroes', offsetBytes, lengthBytes, durable };
  }
}

function refuse(error: Exclude<NbdError, 0>, reason: string): Refusal {
  return { kind: 'refused', error, reason };
}
