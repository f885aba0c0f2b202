import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type AnyId, type DesktopId, type HostId, type OrderId } from '@godwit/base';
import type { DeviceSecrets } from './identity.ts';
import { sign, signatureBytes, verify } from './signature.ts';

/**
 * What one host of an account asks another to do with a desktop: a host obeys nobody else, least of all the coordinator that passes the order
 * on. Layout: docs/keys.md, "Arrival order".
 */
export interface ArrivalOrder {
  /** `ready`: say whether you would take it. `resume`: resume it. `call-off`: do not, as far as that still goes. */
  readonly act: (typeof acts)[number];
  /** Names the order in what is told about it, and in what calls it off. */
  readonly orderId: OrderId;
  readonly desktopId: DesktopId;
  /** Who signed it. */
  readonly hostId: HostId;
  /** The only host that may obey. */
  readonly to: HostId;
  /** The desktop's epoch as the signer knows it: every resume makes another, so an order is good for one at the most. */
  readonly epoch: number;
  /** The signer's clock. */
  readonly signedMs: number;
}

const magic = Buffer.from('gwao', 'latin1');
const version = 1;
const acts = ['ready', 'resume', 'call-off'] as const;
export const ARRIVAL_ORDER_BYTES = 4 + 1 + 1 + 4 * idBytes + 8 + 8 + signatureBytes;

export function signArrivalOrder(wish: Omit<ArrivalOrder, 'hostId'>, by: DeviceSecrets): Buffer {
  const ids = [idToBytes(wish.orderId), idToBytes(wish.desktopId), idToBytes(by.hostId), idToBytes(wish.to)];
  const body = new ByteWriter(ARRIVAL_ORDER_BYTES).put(magic).u8(version).u8(acts.indexOf(wish.act)).put(Buffer.concat(ids)).u64(wish.epoch).u64(wish.signedMs).finish();
  return Buffer.concat([body, sign('arrival-order', body, by.signSecret)]);
}

/** Who claims to have signed it, unchecked: to find the key to check it with. Throws ORDER_INVALID. */
export function signerOfArrivalOrder(bytes: Uint8Array): HostId {
  return parse(bytes).order.hostId;
}

/** Throws ORDER_INVALID for what `signArrivalOrder` did not write, SIGNATURE_INVALID unless it is by the owner of `signPublic`. */
export function openArrivalOrder(bytes: Uint8Array, signPublic: Uint8Array): ArrivalOrder {
  const { order, body, signature } = parse(bytes);
  verify('arrival-order', body, signature, signPublic);
  return order;
}

function parse(bytes: Uint8Array): { order: ArrivalOrder; body: Buffer; signature: Buffer } {
  if (bytes.length !== ARRIVAL_ORDER_BYTES) throw new Fault('ORDER_INVALID', { expected: `${ARRIVAL_ORDER_BYTES} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'ORDER_INVALID');
  if (!reader.take(magic.length).equals(magic) || reader.u8() !== version) throw new Fault('ORDER_INVALID', { expected: `an arrival order of version ${version}` });
  const act = acts[reader.u8()];
  if (act === undefined) throw new Fault('ORDER_INVALID', { expected: acts.join(' or ') });
  const id = <Id extends AnyId>(): Id => idFromBytes<Id>(reader.take(idBytes));
  const order = { act, orderId: id<OrderId>(), desktopId: id<DesktopId>(), hostId: id<HostId>(), to: id<HostId>(), epoch: reader.u53(), signedMs: reader.u53() };
  return { order, body: reader.bytes.subarray(0, reader.offset), signature: reader.take(signatureBytes) };
}
