import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Fault, type AccountId } from '@godwit/base';
import { bytesOf, objectKey, textOf } from '@godwit/wire';

/**
 * URLs that carry their own permission, for objects in the coordinator's directory. Pure. The HMAC covers operation, account,
 * key, expiry, length and digest; every parameter has one spelling, and an unknown or repeated one is refused.
 *
 * `/objects/<account>/<key>?expires=<ms>[&length=<bytes>[&sha256=<base64url>]]&operation=<put|get>&signature=<base64url>`
 */
export interface Permission {
  readonly operation: 'put' | 'get';
  readonly accountId: AccountId;
  readonly key: string;
  /** Milliseconds since 1970, on the coordinator's clock. */
  readonly expiresMs: number;
  /** Of the object to put, exactly. */
  readonly lengthBytes?: number;
  /** Of the object to put, where the client knew it: base64url. */
  readonly sha256?: string;
}

export const urlKeyBytes = 32;
/** As a KeyObject where many URLs are checked: a quarter of the time. */
type UrlKey = Uint8Array | KeyObject;
const prefix = '/objects/';
const parameterNames: ReadonlySet<string> = new Set(['expires', 'length', 'operation', 'sha256', 'signature']);

export function signUrl(permission: Permission, urlKey: UrlKey): string {
  return spell(permission, textOf(signatureOf(permission, urlKey)));
}

/** The permission that a request line carries. Throws URL_REFUSED for anything `signUrl` did not make, URL_EXPIRED after its time. */
export function checkUrl(url: string, urlKey: UrlKey, nowMs: number): Permission {
  const { permission, signature } = parse(url);
  const expected = signatureOf(permission, urlKey);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) throw new Fault('URL_REFUSED');
  // One spelling per URL: whatever else parses to the same permission was not minted.
  if (spell(permission, textOf(expected)) !== url) throw new Fault('URL_REFUSED');
  if (nowMs >= permission.expiresMs) throw new Fault('URL_EXPIRED');
  return permission;
}

function spell({ operation, accountId, key, expiresMs, lengthBytes, sha256 }: Permission, signature: string): string {
  const parameters = [`expires=${expiresMs}`, ...(lengthBytes === undefined ? [] : [`length=${lengthBytes}`]), `operation=${operation}`, ...(sha256 === undefined ? [] : [`sha256=${sha256}`])];
  return `${prefix}${accountId}/${key}?${parameters.join('&')}&signature=${signature}`;
}

function signatureOf({ operation, accountId, key, expiresMs, lengthBytes, sha256 }: Permission, urlKey: UrlKey): Buffer {
  const lines = ['godwit/v1/object-url', operation, accountId, key, String(expiresMs), String(lengthBytes ?? ''), sha256 ?? ''];
  return createHmac('sha256', urlKey).update(lines.join('\n')).digest();
}

function parse(url: string): { permission: Permission; signature: Buffer } {
  const path = url.split('?', 1)[0] ?? '';
  const parameters = parametersOf(url);
  const [, accountId, key] = /^\/objects\/([0-9a-f]{32})\/(.+)$/.exec(path) ?? [];
  const operation = parameters.get('operation');
  const expires = integer(parameters.get('expires'));
  const length = parameters.get('length');
  const sha256 = parameters.get('sha256');
  if (accountId === undefined || !objectKey.safeParse(key).success || (operation !== 'put' && operation !== 'get') || expires === undefined) throw new Fault('URL_REFUSED');
  const lengthBytes = length === undefined ? undefined : integer(length);
  if (length !== undefined && lengthBytes === undefined) throw new Fault('URL_REFUSED');
  const permission: Permission = {
    operation,
    accountId: accountId as AccountId,
    key: key ?? '',
    expiresMs: expires,
    ...(lengthBytes === undefined ? {} : { lengthBytes }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
  return { permission, signature: bytesOf(parameters.get('signature') ?? '') };
}

function parametersOf(url: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of (url.split('?')[1] ?? '').split('&')) {
    const [name = '', value = ''] = pair.split('=');
    if (!parameterNames.has(name) || parameters.has(name)) throw new Fault('URL_REFUSED');
    parameters.set(name, value);
  }
  return parameters;
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}
