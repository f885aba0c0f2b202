import { Fault } from '@godwit/base';
import { sha256, sha256Bytes } from './sha256.ts';

/**
 * The Merkle tree of RFC 6962, section 2.1: hashes, proofs and their checks. Pure.
 *
 * Proofs are made from the hashes of *complete* subtrees, which never change once they are there: node (level, position) covers
 * the 2^level leaves from position * 2^level. A proof needs O(log n) of them, asked for at once.
 */
export interface LogNode {
  /** 0: a leaf. */
  readonly level: number;
  readonly position: number;
}

export interface HashedNode extends LogNode {
  readonly hash: Buffer;
}

/** Gives the hashes of complete subtrees, in the order asked for. */
export type ReadNodes = (nodes: readonly LogNode[]) => Promise<readonly Buffer[]>;

/** A tree of 2^53 leaves has proofs of 53 hashes; a consistency proof may have one more. */
export const PROOF_HASHES_MAX = 54;

const leafPrefix = Buffer.of(0x00);
const nodePrefix = Buffer.of(0x01);

export function leafHash(leaf: Uint8Array): Buffer {
  return sha256(leafPrefix, leaf);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(nodePrefix, left, right);
}

/** The root of the tree without leaves: the hash of nothing. */
export const emptyRoot = sha256();

/** Leaves from `start` up to, not including, `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** The complete subtrees that make up a tree of `size` leaves, largest first: one per bit of `size`. */
export function peaksOf(size: number): LogNode[] {
  return nodesOf({ start: 0, end: size });
}

/** `peaks`: the hashes of `peaksOf(size)`. */
export function rootFromPeaks(peaks: readonly Uint8Array[]): Buffer {
  return peaks.length === 0 ? emptyRoot : fold(peaks);
}

/** What appending `leaves` (as their hashes) to a tree of `size` adds: every subtree that becomes complete, and the new peaks. */
export function appendToPeaks(size: number, peaks: readonly Buffer[], leaves: readonly Buffer[]): { readonly nodes: HashedNode[]; readonly peaks: Buffer[] } {
  if (peaks.length !== peaksOf(size).length) throw new Fault('INTERNAL', { expected: `${peaksOf(size).length} peaks of ${size} leaves`, found: `${peaks.length}` });
  const nodes: HashedNode[] = [];
  const stack = [...peaks];
  for (const [offset, hash] of leaves.entries()) {
    let [level, position, top] = [0, size + offset, hash];
    nodes.push({ level, position, hash: top });
    while (position % 2 === 1) {
      top = nodeHash(stack.pop()!, top);
      [level, position] = [level + 1, (position - 1) / 2];
      nodes.push({ level, position, hash: top });
    }
    stack.push(top);
  }
  return { nodes, peaks: stack };
}

/** MTH of RFC 6962, from the leaves themselves. */
export function rootOfLeaves(leaves: readonly Uint8Array[]): Buffer {
  return rootFromPeaks(appendToPeaks(0, [], leaves.map(leafHash)).peaks);
}

/** PATH(index, D[size]). Throws VALUE_OUT_OF_RANGE for an index that the tree does not have. */
export function proveInclusion(index: number, size: number, read: ReadNodes): Promise<Buffer[]> {
  if (!isCount(size) || !isCount(index) || index >= size) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'leaf index', expected: `below ${size}`, found: `${index}` });
  const ranges: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return hashesOf(ranges.reverse(), read);
}

/** PROOF(from, D[to]); empty from 0 leaves, and where both are one tree. Throws VALUE_OUT_OF_RANGE unless 0 <= from <= to. */
export function proveConsistency(from: number, to: number, read: ReadNodes): Promise<Buffer[]> {
  if (!isCount(from) || !isCount(to) || from > to) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'tree size', expected: `at most ${to}`, found: `${from}` });
  if (from === 0 || from === to) return Promise.resolve([]);
  const ranges: Range[] = [];
  let [start, end, whole] = [0, to, true];
  while (end !== from) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      [start, whole] = [middle, false];
    }
  }
  // SUBPROOF(m, D[m], true) is empty: the verifier has that root already.
  if (!whole) ranges.push({ start, end });
  return hashesOf(ranges.reverse(), read);
}

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  /** Of the leaf's bytes, by `leafHash`. */
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** RFC 9162, 2.1.3.2 (the trees are those of RFC 6962). Throws LOG_PROOF_INVALID. */
export function verifyInclusion({ index, size, leaf, proof, root }: Inclusion): void {
  if (!isCount(size) || !isCount(index) || index >= size || !areHashes([leaf, root, ...proof]) || proof.length > PROOF_HASHES_MAX) throw refused('inclusion');
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) throw refused('inclusion');
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (last !== 0 || !same(hash, root)) throw refused('inclusion');
}

export interface Consistency {
  readonly from: number;
  readonly fromRoot: Uint8Array;
  readonly to: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** That the tree of `to` leaves begins with the tree of `from` leaves (RFC 9162, 2.1.4.2). Throws LOG_PROOF_INVALID. */
export function verifyConsistency({ from, fromRoot, to, toRoot, proof }: Consistency): void {
  if (!isCount(from) || !isCount(to) || from > to || !areHashes([fromRoot, toRoot, ...proof]) || proof.length > PROOF_HASHES_MAX) throw refused('consistency');
  if (from === 0 || from === to) {
    const begins = from === 0 ? same(fromRoot, emptyRoot) && (to > 0 || same(toRoot, emptyRoot)) : same(fromRoot, toRoot);
    if (!begins || proof.length > 0) throw refused('consistency');
    return;
  }
  const path = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  const [first, ...siblings] = path;
  if (first === undefined) throw refused('consistency');
  let [before, after] = [first, first];
  for (const sibling of siblings) {
    if (last === 0) throw refused('consistency');
    if (node % 2 === 1 || node === last) {
      [before, after] = [nodeHash(sibling, before), nodeHash(sibling, after)];
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      after = nodeHash(after, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (last !== 0 || !same(before, fromRoot) || !same(after, toRoot)) throw refused('consistency');
}

/** The hash of each range, with one read for all of them. */
async function hashesOf(ranges: readonly Range[], read: ReadNodes): Promise<Buffer[]> {
  const nodes = ranges.map(nodesOf);
  const hashes = await read(nodes.flat());
  let taken = 0;
  return nodes.map(({ length }) => fold(hashes.slice(taken, (taken += length))));
}

/** The complete subtrees of a range that a tree's splitting gives: it starts at a multiple of its largest one. */
function nodesOf({ start, end }: Range): LogNode[] {
  const nodes: LogNode[] = [];
  for (let at = start; at < end; ) {
    const level = levelOf(end - at);
    nodes.push({ level, position: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

/** The smaller subtrees hang on the right: fold from there. */
function fold(hashes: readonly Uint8Array[]): Buffer {
  return Buffer.from(hashes.reduceRight((right, left) => nodeHash(left, right)));
}

/** k of RFC 6962: the largest power of two below `size`, for sizes above 1. */
function splitOf(size: number): number {
  return 2 ** levelOf(size - 1);
}

/** The place of the highest bit of a value from 1. */
function levelOf(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
}

// Sizes go up to 2^53, where bitwise operators do not, and Math.log2 rounds up below powers of two.
const half = (value: number): number => Math.floor(value / 2);
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isPowerOfTwo = (value: number): boolean => 2 ** levelOf(value) === value;
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every(({ length }) => length === sha256Bytes);

function refused(what: 'inclusion' | 'consistency'): Fault {
  return new Fault('LOG_PROOF_INVALID', { subject: what });
}
