import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type DesktopId, type HostId } from '@godwit/base';
import { sign, verify, type DeviceSecrets } from '@godwit/crypto';
import { signatureBytes } from './limits.ts';

/** How much of a desktop's past is kept. Each rule keeps on its own; a checkpoint that any of them wants stays. The head always stays. */
export interface Retention {
  /** The newest so many checkpoints. */
  readonly last: number;
  /** Of the newest so many hours (UTC) that have a checkpoint, the newest of each. */
  readonly hourly: number;
  /** The same for days (UTC). */
  readonly daily: number;
}

/** A retention as its user signed it for one desktop. */
export interface RetentionPolicy extends Retention {
  readonly desktopId: DesktopId;
  readonly hostId: HostId;
  /** The signer's clock; of two policies the later one counts. */
  readonly signedMs: number;
}

/** A checkpoint as retention sees it. */
export interface DatedCheckpoint {
  readonly sequence: number;
  /** When it was acknowledged, on the coordinator's clock. */
  readonly acknowledgedMs: number;
}

const magic = 0x47_57_50_4c; // "GWPL"
const policyVersion = 1;
/** Nobody counts further; keeps every rule in a u32. */
export const retentionMax = 1_000_000;
export const policyBytes = 4 + 2 + 16 + 16 + 8 + 3 * 4 + signatureBytes;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The sequences that `retention` does not want any more, ascending. Pure: what is newest follows from the sequence, hours and days from the time. */
export function droppedBy(retention: Retention, checkpoints: readonly DatedCheckpoint[]): number[] {
  const newestFirst = [...checkpoints].sort((a, b) => b.sequence - a.sequence);
  const kept = new Set(newestFirst.slice(0, Math.max(1, retention.last)).map(({ sequence }) => sequence));
  keepNewestOfEach(newestFirst, hourMs, retention.hourly, kept);
  keepNewestOfEach(newestFirst, dayMs, retention.daily, kept);
  return newestFirst.map(({ sequence }) => sequence).filter((sequence) => !kept.has(sequence)).reverse();
}

function keepNewestOfEach(newestFirst: readonly DatedCheckpoint[], spanMs: number, most: number, kept: Set<number>): void {
  const spans = new Map<number, number>();
  for (const { sequence, acknowledgedMs } of newestFirst) {
    const span = Math.floor(acknowledgedMs / spanMs);
    if (!spans.has(span)) spans.set(span, sequence);
  }
  const newestSpans = [...spans].sort(([a], [b]) => b - a).slice(0, most);
  for (const [, sequence] of newestSpans) kept.add(sequence);
}

/** magic u32, version u16, desktop, host, signed at u64, last u32, hourly u32, daily u32, signature of type `policy` over all before it. */
export function signPolicy(wish: Retention & { readonly desktopId: DesktopId; readonly signedMs: number }, signer: DeviceSecrets): Buffer {
  requireRetention(wish, 'VALUE_OUT_OF_RANGE');
  const body = new ByteWriter(policyBytes).u32(magic).u16(policyVersion).put(idToBytes(wish.desktopId)).put(idToBytes(signer.hostId)).u64(wish.signedMs);
  const bytes = body.u32(wish.last).u32(wish.hourly).u32(wish.daily).finish();
  return Buffer.concat([bytes, sign('policy', bytes, signer.signSecret)]);
}

/** The policy in `bytes`, signed by the owner of `signerPublic`. POLICY_INVALID, SIGNATURE_INVALID. */
export function openPolicy(bytes: Uint8Array, signerPublic: Uint8Array): RetentionPolicy {
  if (bytes.length !== policyBytes) throw new Fault('POLICY_INVALID', { expected: `${policyBytes} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(bytes, 'POLICY_INVALID');
  const kind = reader.u32();
  const version = reader.u16();
  if (kind !== magic || version !== policyVersion) throw new Fault('POLICY_INVALID', { expected: `a policy of version ${policyVersion}`, found: 'something else' });
  const place = { desktopId: idFromBytes<DesktopId>(reader.take(16)), hostId: idFromBytes<HostId>(reader.take(16)), signedMs: reader.u53() };
  const policy = { ...place, last: reader.u32(), hourly: reader.u32(), daily: reader.u32() };
  verify('policy', reader.bytes.subarray(0, reader.offset), reader.take(signatureBytes), signerPublic);
  requireRetention(policy, 'POLICY_INVALID');
  return policy;
}

/** A policy without any rule would say nothing: to keep only the head is `last: 1`. */
function requireRetention({ last, hourly, daily }: Retention, code: 'VALUE_OUT_OF_RANGE' | 'POLICY_INVALID'): void {
  const rules = [last, hourly, daily];
  if (rules.some((rule) => !Number.isSafeInteger(rule) || rule < 0 || rule > retentionMax) || rules.every((rule) => rule === 0)) {
    throw new Fault(code, { subject: 'retention', expected: `at least one rule that keeps 1 to ${retentionMax}`, found: rules.join(', ') });
  }
}
