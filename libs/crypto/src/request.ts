import { ByteWriter, Fault, idToBytes, isId, parseId, type HostId, type Random } from '@godwit/base';
import { sha256Bytes } from './sha256.ts';
import { sign, signatureBytes, verify } from './signature.ts';
import type { DeviceSecrets } from './identity.ts';

/**
 * A signed request to the coordinator: the signature covers method, path with query, body, host, time, nonce and the
 * coordinator it is for, so none of them can be exchanged. Layout: docs/keys.md, "Request".
 */
const version = 1;
export const requestNonceBytes = 16;
/** How far the two clocks may differ: laptops that slept are off by seconds, not by minutes. */
export const REQUEST_SKEW_MS_MAX = 5 * 60 * 1000;
/** How long a nonce has to be remembered: from the earliest to the latest time at which its request would be accepted. */
export const REQUEST_NONCE_KEEP_MS = 2 * REQUEST_SKEW_MS_MAX;
/** What common HTTP servers take as a request line. */
export const REQUEST_PATH_BYTES_MAX = 8192;
const METHOD_BYTES_MAX = 16;
const AUDIENCE_BYTES_MAX = 255;

export const requestHeaders = { host: 'godwit-host', time: 'godwit-time', nonce: 'godwit-nonce', signature: 'godwit-signature' } as const;

export interface RequestParts {
  /** In capitals. */
  readonly method: string;
  /** As it stands in the request line: path and query, percent-encoded. */
  readonly path: string;
  /** SHA-256 of the body; of nothing, when there is none. */
  readonly bodySha256: Uint8Array;
  readonly timeMs: number;
  /** The coordinator's name for itself, as the account knows it: a request to one is worth nothing at another. */
  readonly audience: string;
}

/** The headers (lower case) to send along. VALUE_OUT_OF_RANGE for parts that no request has. */
export function signRequest(parts: RequestParts, device: DeviceSecrets, random: Random): Record<string, string> {
  const nonce = random(requestNonceBytes);
  const signature = sign('request', requestBody(parts, device.hostId, nonce), device.signSecret);
  return {
    [requestHeaders.host]: device.hostId,
    [requestHeaders.time]: String(parts.timeMs),
    [requestHeaders.nonce]: nonce.toString('hex'),
    [requestHeaders.signature]: signature.toString('hex'),
  };
}

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface RequestCheck {
  /** The host's Ed25519 key, or undefined for a host that is unknown or revoked. */
  readonly publicKeyOf: (hostId: HostId) => Promise<Uint8Array | undefined> | Uint8Array | undefined;
  readonly nowMs: number;
  readonly audience: string;
}

export interface VerifiedRequest {
  readonly hostId: HostId;
  readonly nonce: Buffer;
  readonly timeMs: number;
}

/**
 * `headers`: names in lower case, as Node gives them. Throws SIGNATURE_INVALID, one and the same for missing or malformed
 * headers, an unknown host and a signature that does not hold; REQUEST_TIME_SKEWED for a valid one outside the window.
 * That the nonce is new, the caller has to check, for REQUEST_NONCE_KEEP_MS.
 */
export async function verifyRequest(
  headers: RequestHeaders,
  method: string,
  path: string,
  bodySha256: Uint8Array,
  { publicKeyOf, nowMs, audience }: RequestCheck,
): Promise<VerifiedRequest> {
  const { hostId, timeMs, nonce, signature } = parseHeaders(headers);
  const signPublic = await publicKeyOf(hostId);
  if (signPublic === undefined) throw invalid();
  verify('request', bodyOfReceived({ method, path, bodySha256, timeMs, audience }, hostId, nonce), signature, signPublic);
  const skewMs = timeMs - nowMs;
  if (!(Math.abs(skewMs) <= REQUEST_SKEW_MS_MAX)) {
    throw new Fault('REQUEST_TIME_SKEWED', { expected: `a clock within ${REQUEST_SKEW_MS_MAX / 60_000} minutes`, found: `${Math.round(skewMs / 1000)} s` });
  }
  return { hostId, nonce, timeMs };
}

/** The bytes under the signature. Each part has a fixed length or is led by its length, so no two requests share them. */
export function requestBody({ method, path, bodySha256, timeMs, audience }: RequestParts, hostId: HostId, nonce: Uint8Array): Buffer {
  const fits =
    /^[A-Z]+$/.test(method) &&
    method.length <= METHOD_BYTES_MAX &&
    /^\/[\x21-\x7e]*$/.test(path) &&
    path.length <= REQUEST_PATH_BYTES_MAX &&
    /^[\x21-\x7e]+$/.test(audience) &&
    audience.length <= AUDIENCE_BYTES_MAX &&
    bodySha256.length === sha256Bytes &&
    nonce.length === requestNonceBytes &&
    Number.isSafeInteger(timeMs) &&
    timeMs >= 0;
  if (!fits) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'request', expected: 'a method in capitals, a path in ASCII, a digest, a time and an audience' });
  const writer = new ByteWriter(1 + 1 + method.length + 4 + path.length + sha256Bytes + 16 + 8 + requestNonceBytes + 1 + audience.length);
  writer.u8(version).u8(method.length).put(Buffer.from(method, 'latin1')).u32(path.length).put(Buffer.from(path, 'latin1'));
  writer.put(bodySha256).put(idToBytes(hostId)).u64(timeMs).put(nonce);
  return writer.u8(audience.length).put(Buffer.from(audience, 'latin1')).finish();
}

/** What came over the wire and could not have been signed is no valid signature, not a mistake of the caller. */
function bodyOfReceived(parts: RequestParts, hostId: HostId, nonce: Buffer): Buffer {
  try {
    return requestBody(parts, hostId, nonce);
  } catch {
    throw invalid();
  }
}

function parseHeaders(headers: RequestHeaders): { hostId: HostId; timeMs: number; nonce: Buffer; signature: Buffer } {
  const host = headers[requestHeaders.host];
  const time = headers[requestHeaders.time];
  const nonce = headers[requestHeaders.nonce];
  const signature = headers[requestHeaders.signature];
  if (typeof host !== 'string' || !isId(host)) throw invalid();
  if (typeof time !== 'string' || !/^(0|[1-9][0-9]{0,15})$/.test(time)) throw invalid();
  return { hostId: parseId<HostId>(host), timeMs: Number(time), nonce: fromHex(nonce, requestNonceBytes), signature: fromHex(signature, signatureBytes) };
}

function fromHex(text: string | readonly string[] | undefined, lengthBytes: number): Buffer {
  if (typeof text !== 'string' || text.length !== 2 * lengthBytes || !/^[0-9a-f]+$/.test(text)) throw invalid();
  return Buffer.from(text, 'hex');
}

function invalid(): Fault {
  return new Fault('SIGNATURE_INVALID', { subject: 'request' });
}
