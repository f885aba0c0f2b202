import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from './sha256.ts';
import { appendToPeaks, emptyRoot, leafHash, nodeHash, peaksOf, proveConsistency, proveInclusion, rootFromPeaks, rootOfLeaves, verifyConsistency, verifyInclusion, type LogNode } from './merkle-log.ts';

/** All complete subtrees over some leaves, and how many were read. */
class Tree {
  readonly #nodes = new Map<string, Buffer>();
  readonly roots: Buffer[] = [emptyRoot];
  reads = 0;

  constructor(leaves: readonly Buffer[]) {
    let peaks: Buffer[] = [];
    for (const [size, leaf] of leaves.entries()) {
      const grown = appendToPeaks(size, peaks, [leafHash(leaf)]);
      for (const { level, position, hash } of grown.nodes) this.#nodes.set(`${level}/${position}`, hash);
      peaks = grown.peaks;
      this.roots.push(rootFromPeaks(peaks));
    }
  }

  readonly read = (nodes: readonly LogNode[]): Promise<Buffer[]> => {
    this.reads += nodes.length;
    return Promise.resolve(nodes.map(({ level, position }) => this.#nodes.get(`${level}/${position}`)!));
  };
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** The tree of Certificate Transparency's own tests (google/certificate-transparency, merkle_tree_test.cc). */
const published = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(hex);
const publishedRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const publishedPaths: [index: number, size: number, path: string[]][] = [
  [0, 1, []],
  [0, 8, ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4']],
  [5, 8, ['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [1, 5, ['6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b']],
];
const publishedProofs: [from: number, to: number, proof: string[]][] = [
  [1, 1, []],
  [1, 8, ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4']],
  [6, 8, ['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']],
  [2, 5, ['5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b']],
];

describe('the tree of RFC 6962', () => {
  test('has the published roots', () => {
    for (const [size, root] of publishedRoots.entries()) assert.equal(rootOfLeaves(published.slice(0, size)).toString('hex'), root, `${size} leaves`);
  });

  test('has the published audit paths and consistency proofs', async () => {
    const tree = new Tree(published);
    const text = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('hex'));
    for (const [index, size, path] of publishedPaths) assert.deepEqual(text(await proveInclusion(index, size, tree.read)), path, `${index} of ${size}`);
    for (const [from, to, proof] of publishedProofs) assert.deepEqual(text(await proveConsistency(from, to, tree.read)), proof, `${from} to ${to}`);
  });

  test('gives the example of section 2.1.3: seven leaves, hashes named as there', async () => {
    const leaves = Array.from({ length: 7 }, (_, index) => Buffer.from(`d${index}`));
    const [a, b, c, d, e, f, j] = leaves.map(leafHash) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    const [g, h, i] = [nodeHash(a, b), nodeHash(c, d), nodeHash(e, f)];
    const [k, l] = [nodeHash(g, h), nodeHash(i, j)];
    const tree = new Tree(leaves);
    assert.deepEqual(tree.roots[7], nodeHash(k, l));
    assert.deepEqual(await proveInclusion(0, 7, tree.read), [b, h, l]);
    assert.deepEqual(await proveInclusion(3, 7, tree.read), [c, g, l]);
    assert.deepEqual(await proveInclusion(4, 7, tree.read), [f, j, k]);
    assert.deepEqual(await proveInclusion(6, 7, tree.read), [i, k]);
    assert.deepEqual(await proveConsistency(3, 7, tree.read), [c, d, g, l]);
    assert.deepEqual(await proveConsistency(4, 7, tree.read), [l]);
    assert.deepEqual(await proveConsistency(6, 7, tree.read), [i, j, k]);
  });
});

const sizeMax = 130;
const leaves = Array.from({ length: sizeMax }, (_, index) => Buffer.from(`leaf ${index}`));
const tree = new Tree(leaves);
const holds = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'LOG_PROOF_INVALID');
    return false;
  }
};
const flip = (hash: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(hash);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
};
/** Trees of every shape, and those around the powers of two; all of them would take a quarter of a minute. */
const isVaried = (size: number): boolean => size <= 34 || [63, 64, 65, 100, 127, 128, 129].includes(size);
/** Everything near a proof that is another proof. */
const variants = (proof: readonly Buffer[], bit: number): Buffer[][] => [
  ...proof.map((_, at) => proof.map((hash, index) => (index === at ? flip(hash, bit) : hash))),
  ...proof.map((_, at) => proof.filter((__, index) => index !== at)),
  ...proof.slice(1).map((_, at) => [...proof.slice(0, at), proof[at + 1]!, proof[at]!, ...proof.slice(at + 2)]),
  [...proof, sha256()],
  [sha256(), ...proof],
];

describe('proofs', () => {
  test(`every leaf of every tree up to ${sizeMax} is proven, and nothing near the proof is`, async () => {
    for (let size = 1; size <= sizeMax; size += 1) {
      const root = tree.roots[size]!;
      for (let index = 0; index < size; index += 1) {
        const [leaf, proof] = [leafHash(leaves[index]!), await proveInclusion(index, size, tree.read)];
        verifyInclusion({ index, size, leaf, proof, root });
        if (!isVaried(size)) continue;
        const bit = (index * 31 + size * 7) % 256;
        assert.ok(!holds(() => verifyInclusion({ index, size, leaf: flip(leaf, bit), proof, root })));
        assert.ok(!holds(() => verifyInclusion({ index, size, leaf, proof, root: flip(root, bit) })));
        assert.ok(!holds(() => verifyInclusion({ index: index + 1, size, leaf, proof, root })), `${index} + 1 of ${size}`);
        for (const other of variants(proof, bit)) assert.ok(!holds(() => verifyInclusion({ index, size, leaf, proof: other, root })), `${index} of ${size}`);
      }
    }
  });

  test('every tree begins with every smaller one, and nothing near the proof says so', async () => {
    for (let to = 0; to <= sizeMax; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const [fromRoot, toRoot, proof] = [tree.roots[from]!, tree.roots[to]!, await proveConsistency(from, to, tree.read)];
        verifyConsistency({ from, fromRoot, to, toRoot, proof });
        if (!isVaried(to)) continue;
        const bit = (from * 31 + to * 7) % 256;
        assert.ok(!holds(() => verifyConsistency({ from, fromRoot: flip(fromRoot, bit), to, toRoot, proof })), `${from} to ${to}`);
        if (from > 0) assert.ok(!holds(() => verifyConsistency({ from, fromRoot, to, toRoot: flip(toRoot, bit), proof })), `${from} to ${to}`);
        if (from > 0) for (const other of variants(proof, bit)) assert.ok(!holds(() => verifyConsistency({ from, fromRoot, to, toRoot, proof: other })), `${from} to ${to}`);
      }
    }
  });

  test('a tree with one leaf changed, added or removed in its past is not consistent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), async (to, a, b) => {
        const from = 1 + (a % (to - 1));
        const at = b % from;
        const lies = [leaves.slice(0, to).map((leaf, index) => (index === at ? Buffer.from('other') : leaf)), [...leaves.slice(0, at), Buffer.from('new'), ...leaves.slice(at, to - 1)], [...leaves.slice(0, at), ...leaves.slice(at + 1, to + 1)]];
        for (const lie of lies) {
          const other = new Tree(lie);
          const proof = await proveConsistency(from, to, other.read);
          assert.ok(!holds(() => verifyConsistency({ from, fromRoot: tree.roots[from]!, to, toRoot: other.roots[to]!, proof })));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('hostile numbers and hashes are refused, and nothing hangs on them', () => {
    const [hash, root] = [sha256(), sha256(Buffer.of(1))];
    for (const value of [-1, 1.5, Number.NaN, Infinity, 2 ** 53]) {
      assert.ok(!holds(() => verifyInclusion({ index: value, size: 8, leaf: hash, proof: [], root })));
      assert.ok(!holds(() => verifyInclusion({ index: 0, size: value, leaf: hash, proof: [], root })));
      assert.ok(!holds(() => verifyConsistency({ from: value, fromRoot: hash, to: 8, toRoot: root, proof: [] })));
      assert.ok(!holds(() => verifyConsistency({ from: 1, fromRoot: hash, to: value, toRoot: root, proof: [] })));
    }
    const long = Array.from({ length: 60 }, () => hash);
    assert.ok(!holds(() => verifyInclusion({ index: 2 ** 53 - 2, size: Number.MAX_SAFE_INTEGER, leaf: hash, proof: long, root })));
    assert.ok(!holds(() => verifyInclusion({ index: 2 ** 52, size: Number.MAX_SAFE_INTEGER, leaf: hash, proof: long.slice(0, 53), root })));
    assert.ok(!holds(() => verifyConsistency({ from: 2 ** 52 + 1, fromRoot: hash, to: Number.MAX_SAFE_INTEGER, toRoot: root, proof: long.slice(0, 53) })));
    assert.ok(!holds(() => verifyInclusion({ index: 0, size: 1, leaf: Buffer.alloc(31), proof: [], root: Buffer.alloc(31) })));
    assert.throws(() => proveInclusion(8, 8, tree.read), { code: 'VALUE_OUT_OF_RANGE' });
    assert.throws(() => proveConsistency(9, 8, tree.read), { code: 'VALUE_OUT_OF_RANGE' });
  });

  test('peaks are exact just below powers of two, where logarithms are not', () => {
    for (const level of [31, 32, 33, 47, 48, 49, 52]) {
      assert.deepEqual(peaksOf(2 ** level), [{ level, position: 0 }]);
      assert.equal(peaksOf(2 ** level - 1).length, level);
    }
  });

  test('appending many at once is appending one after the other', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.nat({ max: 60 }), (first, second) => {
        const hashes = leaves.slice(0, first + second).map(leafHash);
        const before = appendToPeaks(0, [], hashes.slice(0, first));
        const after = appendToPeaks(first, before.peaks, hashes.slice(first));
        assert.deepEqual(rootFromPeaks(after.peaks), tree.roots[first + second]);
        assert.deepEqual([...before.nodes, ...after.nodes], appendToPeaks(0, [], hashes).nodes);
      }),
    );
  });

  test('a proof reads few nodes', async () => {
    tree.reads = 0;
    await proveInclusion(77, 129, tree.read);
    await proveConsistency(77, 129, tree.read);
    assert.ok(tree.reads <= 4 * 8, `${tree.reads}`);
  });
});
