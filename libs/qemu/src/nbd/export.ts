import { transmissionFlag } from './protocol.ts';
import type { Extent } from './replies.ts';

/** What is behind an export. Offsets and lengths are in bytes and always lie inside the export; a rejection becomes EIO for that request. */
export interface NbdBackend {
  /** Exactly `lengthBytes` bytes from `offsetBytes` on; holes are zeros. */
  read(offsetBytes: number, lengthBytes: number): Promise<Buffer>;
  /** Runs that cover the range from its start, in order: which of it is known to be zero. Must not fetch. */
  blockStatus(offsetBytes: number, lengthBytes: number): Promise<readonly Extent[]>;
  /** The three of a read-write export. `bytes` is the callee's from then on. Without `flush` neither FLUSH nor FUA is offered. */
  write?(offsetBytes: number, bytes: Buffer): Promise<void>;
  /** Also serves TRIM: what was trimmed reads as zeros. */
  writeZeroes?(offsetBytes: number, lengthBytes: number): Promise<void>;
  flush?(): Promise<void>;
}

export interface NbdExport {
  /** At most 4096 bytes of UTF-8. */
  readonly name: string;
  readonly lengthBytes: number;
  readonly readOnly: boolean;
  readonly backend: NbdBackend;
}

/** What a client has chosen when the handshake is over. */
export interface ChosenExport {
  readonly export: NbdExport;
  readonly structured: boolean;
  /** Whether BLOCK_STATUS was negotiated. */
  readonly allocation: boolean;
}

export function transmissionFlags({ readOnly, backend }: NbdExport, structured: boolean): number {
  const common = transmissionFlag.hasFlags | (structured ? transmissionFlag.sendDf : 0);
  // Several connections to a read-only export can't see each other's changes, because there are none.
  if (readOnly) return common | transmissionFlag.readOnly | transmissionFlag.canMultiConn;
  return (
    common |
    (backend.flush === undefined ? 0 : transmissionFlag.sendFlush | transmissionFlag.sendFua) |
    (backend.writeZeroes === undefined ? 0 : transmissionFlag.sendWriteZeroes | transmissionFlag.sendTrim)
  );
}
