import { Fault } from '@godwit/base';
import { decodeLeaf, leafHash, openTreeHead, verifyInclusion, type AuditLeaf, type SignedTreeHead } from '@godwit/crypto';
import { bytesOf, controlReceipt, type ControlReceipt } from '@godwit/wire';

/** What a receipt proves: that this leaf is in the log of this head. */
export interface ProvenLeaf {
  readonly index: number;
  readonly leaf: AuditLeaf;
  readonly head: SignedTreeHead;
}

/** Reads a receipt as it lies in a file. Throws RECEIPT_INVALID. */
export function parseReceipt(text: string): ControlReceipt {
  try {
    return controlReceipt.parse(JSON.parse(text));
  } catch (error) {
    throw new Fault('RECEIPT_INVALID', { cause: error });
  }
}

/**
 * Everything that a receipt says of itself, without asking anybody: the head's signature under `signPublic`, the leaf's place below it.
 * Throws TREE_HEAD_INVALID, LOG_PROOF_INVALID, LOG_LEAF_INVALID.
 */
export function checkReceipt(receipt: ControlReceipt, key: { readonly audience: string; readonly signPublic: Uint8Array }): ProvenLeaf {
  const head = openTreeHead(bytesOf(receipt.head), key);
  const bytes = bytesOf(receipt.leaf);
  verifyInclusion({ index: receipt.index, size: head.size, leaf: leafHash(bytes), proof: receipt.inclusion.map(bytesOf), root: head.root });
  return { index: receipt.index, leaf: decodeLeaf(bytes), head };
}

/** That a leaf says what this host knows to have happened. Throws LOG_PROOF_INVALID, naming the first thing that it does not say. */
export function requireLeaf(leaf: AuditLeaf, expected: Partial<AuditLeaf>): void {
  for (const [field, value] of Object.entries(expected)) {
    const found = leaf[field as keyof AuditLeaf];
    if (said(found) !== said(value)) throw new Fault('LOG_PROOF_INVALID', { subject: field, expected: said(value), found: said(found) });
  }
}

function said(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}
