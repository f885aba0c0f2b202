import { z } from 'zod';
import type { AccountId, CommitId, DesktopId, HostId, JoinId, OrderId } from '@godwit/base';
import { desktopNameLimit, hostNameLimit } from './limits.ts';

/** The values all messages are made of. Every string and every list has a bound. */

const idText = (what: string) => z.string().regex(/^[0-9a-f]{32}$/).meta({ description: `${what}: 16 bytes as 32 hexadecimal digits` });

export const accountId = idText('account id') as unknown as z.ZodType<AccountId, string>;
export const hostId = idText('host id') as unknown as z.ZodType<HostId, string>;
export const desktopId = idText('desktop id') as unknown as z.ZodType<DesktopId, string>;
export const commitId = idText('commit id') as unknown as z.ZodType<CommitId, string>;
export const joinId = idText('join id') as unknown as z.ZodType<JoinId, string>;
export const orderId = idText('order id') as unknown as z.ZodType<OrderId, string>;
/** Whom a grant is for: a host id, or the id of the recovery key. */
export const recipientId = idText('recipient id');

/** Characters of `lengthBytes` bytes in base64url without padding. */
export function base64urlLength(lengthBytes: number): number {
  return Math.ceil((lengthBytes * 4) / 3);
}

/** Bytes as base64url without padding, 1 to `limitBytes` of them. Decode with {@link bytesOf}. */
export function boundedBytes(limitBytes: number) {
  return z
    .string()
    .min(2)
    .max(base64urlLength(limitBytes))
    .regex(/^[A-Za-z0-9_-]+$/)
    .refine(isCanonical, 'not canonical base64url')
    .meta({ description: `base64url without padding, at most ${limitBytes} bytes` });
}

/** Exactly `lengthBytes` bytes as base64url without padding. */
export function exactBytes(lengthBytes: number) {
  return z
    .string()
    .length(base64urlLength(lengthBytes))
    .regex(/^[A-Za-z0-9_-]+$/)
    .refine(isCanonical, 'not canonical base64url')
    .meta({ description: `base64url without padding, exactly ${lengthBytes} bytes` });
}

const base64urlDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** One spelling per value: lengths 1 mod 4 do not exist, and unused bits of the last character are zero. Also runs in browsers. */
function isCanonical(text: string): boolean {
  const tail = text.length % 4;
  if (tail === 0) return true;
  if (tail === 1) return false;
  return base64urlDigits.indexOf(text.at(-1) ?? '') % (tail === 2 ? 16 : 4) === 0;
}

/** The bytes of a value that passed {@link boundedBytes} or {@link exactBytes}. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

/** Bytes in the form they have on the wire. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** SHA-256 as base64url, 43 characters. */
export const sha256 = exactBytes(32);
/** An Ed25519 or X25519 public key as base64url, 43 characters. */
export const publicKey = exactBytes(32);

const safeInteger = (minimum: number, what: string) => z.int().min(minimum).max(Number.MAX_SAFE_INTEGER).meta({ description: what });

/** A lease's number: 1 for the creator, one more at each change of owner. */
export const epoch = safeInteger(1, 'epoch');
/** A checkpoint's place in its desktop's line, from 1. */
export const sequence = safeInteger(1, 'sequence number');
/** An account key's generation, a u32 from 1. */
export const generation = z.int().min(1).max(0xffff_ffff);
export const timeMs = safeInteger(0, 'milliseconds since 1970');
export const byteCount = safeInteger(0, 'bytes');
export const count = safeInteger(0, 'a count');

/** A host's name: people choose it, so anything readable, but no control bytes and no reordering of the line it is printed in. */
export const hostName = z
  .string()
  .min(1)
  .max(hostNameLimit)
  // eslint-disable-next-line no-control-regex -- control bytes are exactly what is refused
  .regex(/^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+$/);

/** A desktop's name: letters, digits, `.`, `_`, `-`, starting with a letter or digit; unique in its account whatever the case. */
export const desktopName = z
  .string()
  .max(desktopNameLimit)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

/** A short text of a machine about itself: a version, a model. */
export const label = z
  .string()
  .max(128)
  .regex(/^[\u0020-\u007e]*$/);

/** A positive integer in a query string. */
export const queryInteger = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/)
  .meta({ description: 'a non-negative decimal integer' });

/** An answer with nothing in it: that it came is the news. */
export const nothing = z.object({});
