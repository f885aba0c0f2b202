import { Fault } from '@godwit/base';

/** One range of an object, both ends inclusive. */
export interface ByteSpan {
  readonly first: number;
  readonly last: number;
}

/**
 * What a Range header asks of an object of `lengthBytes` (RFC 9110, section 14): undefined for none, or for one in a unit or
 * form that is not understood, which the RFC has a server ignore. Several ranges are not served: the whole object is.
 * Throws OBJECT_RANGE_REFUSED when no byte of the range is there.
 */
export function parseRange(header: string | undefined, lengthBytes: number): ByteSpan | undefined {
  const [, from = '', to = ''] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '') return suffix(Number(to), lengthBytes);
  const first = Number(from);
  if (to !== '' && Number(to) < first) return undefined;
  if (first >= lengthBytes) throw refused(lengthBytes);
  return { first, last: to === '' ? lengthBytes - 1 : Math.min(Number(to), lengthBytes - 1) };
}

function suffix(count: number, lengthBytes: number): ByteSpan {
  if (count === 0 || lengthBytes === 0) throw refused(lengthBytes);
  return { first: Math.max(0, lengthBytes - count), last: lengthBytes - 1 };
}

function refused(lengthBytes: number): Fault {
  return new Fault('OBJECT_RANGE_REFUSED', { expected: `a range within ${lengthBytes} bytes` });
}
