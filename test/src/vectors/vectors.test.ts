import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { faultCodes, Fault } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import { generate, vectorsDir } from './generate.ts';
import { piecewiseStore, type PiecewiseStore } from './piecewise.ts';
import { readVector } from './read.ts';
import { allGiven, ending, formatVector, parseVector, type Vector } from './vector.ts';

const files = globSync(`**/*${ending}`, { cwd: vectorsDir }).sort();
const vectors = files.map((file) => parseVector(file.slice(0, -ending.length), readFileSync(join(vectorsDir, file))));
/** Bodies of requests and entries of chains come inside messages; all others are objects or parts of them. */
const objectKinds = new Set(['pack', 'frame', 'manifest']);

let pieces: PiecewiseStore;
before(async () => {
  await cryptoReady();
  pieces = await piecewiseStore();
});
after(async () => await pieces.close());

/** What came of reading: the code of the fault, or the text. */
async function outcome(vector: Vector, body: Buffer): Promise<string> {
  try {
    return `ok: ${await readVector(vector, body)}`;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.code;
  }
}

function expected(vector: Vector): string {
  return vector.expect === 'ok' ? `ok: ${allGiven(vector, 'result').join()}` : vector.expect;
}

test('the files are what the generator makes, byte by byte, and small', () => {
  const made = generate();
  assert.deepEqual(files, made.map(({ name }) => `${name}${ending}`).sort());
  let bytes = 0;
  for (const vector of made) {
    const file = readFileSync(join(vectorsDir, `${vector.name}${ending}`));
    assert.ok(file.equals(formatVector(vector)), vector.name);
    bytes += file.length;
  }
  assert.ok(bytes < 300 * 1024, `${bytes} bytes`);
  assert.ok(vectors.length >= 80, `${vectors.length} vectors`);
  for (const { name, expect } of vectors) assert.ok(expect === 'ok' || Object.hasOwn(faultCodes, expect), `${name}: ${expect}`);
});

test('each vector, whole: what it says comes out, or the fault that it names', async (t) => {
  const wrong: string[] = [];
  for (const vector of vectors) {
    const found = await outcome(vector, vector.body);
    if (found !== expected(vector)) wrong.push(`${vector.name}: expected ${expected(vector)}, found ${found}`);
  }
  assert.deepEqual(wrong, []);
  const kinds = Map.groupBy(vectors, ({ kind }) => kind);
  t.diagnostic(`${vectors.length} vectors: ${[...kinds].map(([kind, all]) => `${kind} ${all.length}`).join(', ')}`);
});

for (const [how, nextPieceBytes] of [['in random pieces', () => 1 + Math.floor(Math.random() * 200)], ['byte by byte', () => 1]] as const) {
  test(`each object that comes ${how}: the same`, async () => {
    pieces.nextPieceBytes = nextPieceBytes;
    for (const [at, vector] of vectors.filter(({ kind }) => objectKinds.has(kind)).entries()) {
      const key = `v-${at}/o-${how.replaceAll(' ', '-')}`;
      pieces.objects.set(key, vector.body);
      const body = await pieces.store.get(key);
      assert.equal(await outcome(vector, body), expected(vector), vector.name);
    }
  });
}

test('a good vector with any one byte changed is good no more', async () => {
  for (const vector of vectors.filter(({ expect, kind, body }) => expect === 'ok' && body.length < 1000 && !['leaf', 'root', 'request'].includes(kind))) {
    for (let at = 0; at < vector.body.length; at += 1) {
      const body = Buffer.from(vector.body);
      body[at] = body[at]! ^ 0x10;
      const found = await outcome(vector, body).catch((error: unknown) => (error instanceof RangeError && vector.kind === 'chain' ? 'refused by the frame of the vector' : Promise.reject(error as Error)));
      assert.doesNotMatch(found, /^ok/, `${vector.name}, byte ${at}`);
    }
  }
});
