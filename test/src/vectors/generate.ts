/**
 * Makes the vectors of test/vectors: `node test/dist/vectors/generate.js` writes them. With node:crypto alone and by hand, so that
 * the library is held to docs/format.md and docs/keys.md and not to itself. The same bytes each time.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chainVectors, grantVectors, offlinePolicyVectors, requestVectors, wrappedKeyVectors } from './key-vectors.ts';
import { manifestVectors } from './manifest-vectors.ts';
import { frameVectors, packVectors } from './pack-vectors.ts';
import { leafVectors, rootVectors } from './table-vectors.ts';
import { ending, formatVector, type Vector } from './vector.ts';

export const vectorsDir = join(import.meta.dirname, '../../vectors');

export function generate(): Vector[] {
  return [packVectors, frameVectors, leafVectors, rootVectors, manifestVectors, chainVectors, grantVectors, wrappedKeyVectors, requestVectors, offlinePolicyVectors].flatMap((make) => make());
}

if (process.argv[1] === import.meta.filename) {
  const vectors = generate();
  for (const kind of new Set(vectors.map((vector) => vector.kind))) rmSync(join(vectorsDir, kind), { recursive: true, force: true });
  for (const vector of vectors) {
    const file = join(vectorsDir, `${vector.name}${ending}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, formatVector(vector));
  }
  process.stdout.write(`${vectors.length} vectors in ${vectorsDir}\n`);
}
