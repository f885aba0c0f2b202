import ts from 'typescript';
import { parse, walk, type Finding, type SourceFile } from '../tidy/sources.ts';

/** What docs/score.md says, read so that it can be held against the tests that are there. Pure. */

export interface ScoreRow {
  /** C1, D15, O3. */
  readonly id: string;
  readonly score: number;
  /** What is there; below 3 also what is not, and why. */
  readonly text: string;
  readonly proofs: readonly Proof[];
}

/** A test by its file and its whole name, as both are written. */
export interface Proof {
  readonly path: string;
  readonly name: string;
}

const rowPattern = /^\| ([A-Z]\d+) \| ([^|]+) \| (\d) \| ([^|]+) \| ([^|]*) \|$/;

/** The rows of all tables of the page: `| C1 | row | score | what there is | proofs |`, a proof being `` `path`: "name" ``, several with `<br>` between them. */
export function scoreRows(text: string): ScoreRow[] {
  return text.split('\n').flatMap((line) => {
    const [, id, , score, what, proofs] = rowPattern.exec(line) ?? [];
    if (id === undefined || what === undefined || proofs === undefined) return [];
    return [{ id, score: Number(score), text: what.trim(), proofs: [...proofs.matchAll(/`([^`]+)`: "([^"]+)"/g)].map(([, path, name]) => ({ path: path!, name: name! })) }];
  });
}

/** The names of the tests and suites in a file, as they are written: what stands in `${}` is not put in. */
export function testNames(file: SourceFile): Set<string> {
  const names = new Set<string>();
  walk(parse(file), (node) => {
    if (!ts.isCallExpression(node) || !/^(t\.)?(test|it|describe|suite)(\.skip)?$/.test(node.expression.getText())) return;
    const [name] = node.arguments;
    if (name !== undefined && (ts.isStringLiteral(name) || ts.isTemplateLiteral(name))) names.add(ts.isStringLiteral(name) ? name.text : name.getText().slice(1, -1));
  });
  return names;
}

/** What is wrong with the page: rows that are missing, there twice or unknown, scores out of range, and proofs that do not exist. */
export function scoreFindings(rows: readonly ScoreRow[], wanted: readonly string[], files: ReadonlyMap<string, SourceFile>): Finding[] {
  const count = (id: string): number => rows.filter((row) => row.id === id).length;
  return [
    ...wanted.filter((id) => count(id) !== 1).map((id) => `${id} is there ${count(id)} times`),
    ...rows.filter(({ id }) => !wanted.includes(id)).map(({ id }) => `${id} is no row of the tables`),
    ...rows.filter(({ score }) => score > 3).map(({ id, score }) => `${id} cannot have ${score}`),
    ...rows.filter(({ score, proofs }) => score === 3 && proofs.length === 0).map(({ id }) => `${id} has 3 without a test`),
    ...rows.flatMap(({ id, proofs }) => proofs.flatMap(({ path, name }) => {
      const file = files.get(path);
      if (file === undefined) return [`${id} names no test file: ${path}`];
      return testNames(file).has(name) ? [] : [`${id} names no test of ${path}: ${name}`];
    })),
  ];
}
