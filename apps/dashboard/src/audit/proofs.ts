import { Refused, sameBytes, sha256, type Bytes } from './bytes.ts';

/**
 * Proofs of the Merkle tree of RFC 6962, section 2.1. Which side each hash of a proof stands on follows from index and size alone,
 * and so does the number of hashes: a proof that is too short or too long is refused before anything is hashed.
 */
export const hashBytes = 32;
const [leafPrefix, nodePrefix] = [Uint8Array.of(0), Uint8Array.of(1)];
const nodeHash = (left: Bytes, right: Bytes): Promise<Bytes> => sha256(nodePrefix, left, right);

export interface Inclusion {
  /** The entry's own bytes. */
  readonly leaf: Bytes;
  readonly index: number;
  /** Entries in the tree, and its root. */
  readonly size: number;
  readonly root: Bytes;
  readonly proof: readonly Bytes[];
}

/** That the tree of `size` entries has this one at `index`. Throws {@link Refused}. */
export async function checkInclusion({ leaf, index, size, root, proof }: Inclusion): Promise<void> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new Refused(`the log of ${size} entries has no entry ${index}`);
  const { inner, border } = pathOf(index, size);
  if (proof.length !== inner + border || !areHashes(proof)) throw new Refused('the proof of the entry does not have the length it must have');
  const below = await climb(await sha256(leafPrefix, leaf), BigInt(index), proof.slice(0, inner));
  if (!sameBytes(await climbRightEdge(below, proof.slice(inner)), root)) throw new Refused('the proof of the entry does not lead to the signed head');
}

export interface Consistency {
  readonly from: { readonly size: number; readonly root: Bytes };
  readonly to: { readonly size: number; readonly root: Bytes };
  readonly proof: readonly Bytes[];
}

/** That the tree `to` begins with the tree `from`. Throws {@link Refused}. */
export async function checkConsistency({ from, to, proof }: Consistency): Promise<void> {
  if (!isCount(from.size) || !isCount(to.size) || from.size > to.size) throw new Refused(`a log of ${to.size} entries does not begin with ${from.size}`);
  if (from.size === 0 || from.size === to.size) {
    const [expected, found] = from.size === 0 ? [await sha256(), from.root] : [from.root, to.root];
    if (proof.length > 0 || !sameBytes(expected, found)) throw new Refused('two different logs of the same length were signed');
    if (from.size === to.size && !sameBytes(from.root, to.root)) throw new Refused('two different logs of the same length were signed');
    return;
  }
  // The largest complete tree at the right edge of the older log: what both trees have below it need not be shown.
  const shift = trailingZeros(from.size);
  const path = pathOf(from.size - 1, to.size);
  const inner = path.inner - shift;
  const whole = from.size === 2 ** shift;
  const [seed, rest] = whole ? [from.root, proof] : [proof[0], proof.slice(1)];
  if (seed === undefined || rest.length !== inner + path.border || !areHashes(proof)) throw new Refused('the proof of growth does not have the length it must have');
  const [innerHashes, borderHashes] = [rest.slice(0, inner), rest.slice(inner)];
  const bits = BigInt(from.size - 1) >> BigInt(shift);
  const before = await climbRightEdge(seed, [...innerHashes.filter((_, level) => isRight(bits, level)), ...borderHashes]);
  const after = await climbRightEdge(await climb(seed, bits, innerHashes), borderHashes);
  if (!sameBytes(before, from.root)) throw new Refused('the proof of growth does not begin at the head that was seen before');
  if (!sameBytes(after, to.root)) throw new Refused('the proof of growth does not lead to the signed head');
}

/** `inner`: levels until the path joins the right edge of the tree; `border`: hashes along that edge, all of them on the left. */
function pathOf(index: number, size: number): { readonly inner: number; readonly border: number } {
  const differing = BigInt(index) ^ BigInt(size - 1);
  const inner = differing === 0n ? 0 : differing.toString(2).length;
  const border = (BigInt(index) >> BigInt(inner)).toString(2).replaceAll('0', '').length;
  return { inner, border };
}

async function climb(from: Bytes, bits: bigint, siblings: readonly Bytes[]): Promise<Bytes> {
  let hash = from;
  for (const [level, sibling] of siblings.entries()) hash = isRight(bits, level) ? await nodeHash(sibling, hash) : await nodeHash(hash, sibling);
  return hash;
}

async function climbRightEdge(from: Bytes, siblings: readonly Bytes[]): Promise<Bytes> {
  let hash = from;
  for (const sibling of siblings) hash = await nodeHash(sibling, hash);
  return hash;
}

const isRight = (bits: bigint, level: number): boolean => ((bits >> BigInt(level)) & 1n) === 1n;
const trailingZeros = (size: number): number => size.toString(2).length - size.toString(2).lastIndexOf('1') - 1;
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const areHashes = (hashes: readonly Bytes[]): boolean => hashes.every(({ length }) => length === hashBytes);
