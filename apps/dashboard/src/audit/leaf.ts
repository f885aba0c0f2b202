import { ByteCursor, Refused, hexOf, type Bytes } from './bytes.ts';

/** One leaf of the audit log, read from its own bytes. Layout: docs/keys.md, "Audit leaf". Ids and digests as hexadecimal digits; null: none. */
export interface AuditLeaf {
  readonly kind: string;
  readonly accountId: string;
  /** Whose signed request it was; null for what the coordinator did by itself. */
  readonly hostId: string | null;
  readonly desktopId: string | null;
  /** A host, a recipient, a commit, a desktop: what `kind` says. */
  readonly subject: string | null;
  readonly epoch: number | null;
  readonly sequence: number | null;
  readonly digest: string | null;
  /** The coordinator's clock. */
  readonly timeMs: number;
  /** The host's word about the log that it had seen came with it. */
  readonly witnessed: boolean;
}

const idBytes = 16;
const digestBytes = 32;
const kindBytesMax = 32;
const leafBytesMax = 1024;

/** Throws {@link Refused} for bytes that no coordinator of version 1 writes. */
export function readLeaf(bytes: Bytes): AuditLeaf {
  if (bytes.length > leafBytesMax) throw new Refused(`the entry has more than ${leafBytesMax} bytes`);
  const cursor = new ByteCursor(bytes, 'the entry');
  if (cursor.ascii(4) !== 'gwal' || cursor.u8() !== 1) throw new Refused('the entry is not one of version 1');
  const kindBytes = cursor.u8();
  const kind = cursor.ascii(kindBytes);
  if (kindBytes > kindBytesMax || !/^[a-z]+(-[a-z]+)*$/.test(kind)) throw new Refused('the entry has no kind');
  const accountId = hexOf(cursor.take(idBytes));
  const [hostId, desktopId, subject] = [orNone(cursor.take(idBytes)), orNone(cursor.take(idBytes)), orNone(cursor.take(idBytes))];
  const [epoch, place] = [cursor.u53(), cursor.u53()];
  const digest = orNone(cursor.take(digestBytes));
  const timeMs = cursor.u53();
  const witness = cursor.take(cursor.u16());
  if (cursor.remainingBytes > 0) throw new Refused('the entry goes on after its end');
  return { kind, accountId, hostId, desktopId, subject, epoch: epoch === 0 ? null : epoch, sequence: place === 0 ? null : place - 1, digest, timeMs, witnessed: witness.length > 0 };
}

function orNone(bytes: Bytes): string | null {
  return bytes.every((byte) => byte === 0) ? null : hexOf(bytes);
}
