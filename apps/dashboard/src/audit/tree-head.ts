import { ByteCursor, Refused, joined, type Bytes } from './bytes.ts';

/** What the coordinator has signed about its log. Layout: docs/keys.md, "Tree head". */
export interface TreeHead {
  readonly audience: string;
  /** Entries in the log. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Bytes;
  /** The coordinator's clock. */
  readonly timeMs: number;
}

const headBytesMax = 512;
const rootBytes = 32;
const signatureBytes = 64;
const signedPrefix = new TextEncoder().encode('godwit/v1/tree-head\0');

/** Throws {@link Refused} for bytes that are no head, a head of another coordinator, and a signature that does not hold. */
export async function openTreeHead(bytes: Bytes, by: { readonly audience: string; readonly logKey: Bytes }): Promise<TreeHead> {
  if (bytes.length > headBytesMax || bytes.length < signatureBytes) throw new Refused('the signed head has an impossible length');
  const [body, signature] = [bytes.slice(0, -signatureBytes), bytes.slice(-signatureBytes)];
  const head = parse(body);
  if (head.audience !== by.audience) throw new Refused(`the signed head is of another coordinator (${head.audience})`);
  if (!(await isSigned(body, signature, by.logKey))) throw new Refused('the signature of the head does not hold');
  return head;
}

function parse(body: Bytes): TreeHead {
  const cursor = new ByteCursor(body, 'the signed head');
  if (cursor.ascii(4) !== 'gwth' || cursor.u8() !== 1) throw new Refused('the signed head is not one of version 1');
  const audience = cursor.ascii(cursor.u8());
  if (!/^[\x21-\x7e]+$/.test(audience)) throw new Refused('the signed head names no coordinator');
  const [size, root, timeMs] = [cursor.u53(), cursor.take(rootBytes), cursor.u53()];
  if (cursor.remainingBytes > 0) throw new Refused('the signed head goes on after its end');
  return { audience, size, root, timeMs };
}

async function isSigned(body: Bytes, signature: Bytes, logKey: Bytes): Promise<boolean> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey('raw', logKey, 'Ed25519', false, ['verify']);
  } catch {
    throw new Refused('this browser cannot check Ed25519 signatures with this key; Chromium 137, Firefox 129 and Safari 17 can');
  }
  return crypto.subtle.verify('Ed25519', key, signature, joined(signedPrefix, body));
}
