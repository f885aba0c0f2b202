/** One test vector: a text header, a line `---`, and the bytes. Like the vectors of age and of CCTV. */
export interface Vector {
  /** Path below test/vectors, without its ending. */
  readonly name: string;
  /** `ok`, or the code of the fault that a reader must answer with. */
  readonly expect: string;
  readonly kind: string;
  readonly description: string;
  /** What a reader has to know beside the bytes: keys, ids, expectations. A name may come more than once. */
  readonly given: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

const separator = '---\n';
export const ending = '.vector';

export function formatVector({ expect, kind, description, given, body }: Vector): Buffer {
  const lines = [['expect', expect], ['kind', kind], ['description', description], ...given].map(([name, value]) => `${name}: ${value}\n`);
  return Buffer.concat([Buffer.from(lines.join('') + separator, 'utf8'), body]);
}

export function parseVector(name: string, file: Buffer): Vector {
  const end = file.indexOf(`\n${separator}`) + 1;
  if (end === 0) throw new Error(`${name}: no line ---`);
  const lines = file.toString('utf8', 0, end).trimEnd().split('\n').map((line): [string, string] => {
    const at = line.indexOf(': ');
    if (at < 1) throw new Error(`${name}: not a header line: ${line}`);
    return [line.slice(0, at), line.slice(at + 2)];
  });
  const [[expectName, expect] = ['', ''], [kindName, kind] = ['', ''], [descriptionName, description] = ['', ''], ...given] = lines;
  if (expectName !== 'expect' || kindName !== 'kind' || descriptionName !== 'description') throw new Error(`${name}: expect, kind and description come first`);
  return { name, expect, kind, description, given, body: file.subarray(end + separator.length) };
}

/** The one value of `name`. */
export function givenOf(vector: Vector, name: string): string {
  const [first, ...more] = allGiven(vector, name);
  if (first === undefined || more.length > 0) throw new Error(`${vector.name}: needs ${name} once`);
  return first;
}

export function allGiven({ given }: Vector, name: string): string[] {
  return given.filter(([found]) => found === name).map(([, value]) => value);
}
