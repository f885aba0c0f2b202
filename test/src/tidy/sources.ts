import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** The top of the checkout; this file runs as test/dist/tidy/sources.js. */
export const root = join(import.meta.dirname, '../../..');

/** One file that people wrote, with its path from the top of the checkout. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What a rule has to say about a file: `path:line what`. Nothing found is an empty list. */
export type Finding = string;

const generated = new Set(['node_modules', 'dist', '.git', '.cache']);

/** Every file below the top whose name matches, without what is installed or built. */
export function filesMatching(pattern: RegExp, folder = ''): SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : filesMatching(pattern, path);
    return entry.isFile() && pattern.test(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  });
}

/** TypeScript, with pages or without, and JavaScript; tests included. */
export function codeFiles(): SourceFile[] {
  return filesMatching(/^(libs|apps|test|infra)\/.*\.(tsx?|mjs|js)$|^[^/]*\.(ts|mjs|js)$/).filter(({ path }) => !path.endsWith('.d.ts'));
}

/** Unit tests, what only they use, and the whole workspace of tests. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') || /\.(test|flow)\.ts$/.test(path) || path.endsWith('/conformance.ts') || path.endsWith('/test-client.ts') || /\/(testing|test-kit)\//.test(path);
}

export function parse({ path, text }: SourceFile): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, kindOf(path));
}

function kindOf(path: string): ts.ScriptKind {
  if (path.endsWith('.tsx')) return ts.ScriptKind.TSX;
  return path.endsWith('.ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
}

/** Calls `visit` for every node below `node`, outermost first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => {
    walk(child, visit);
  });
}

/** `path:line` of a node, lines from 1. */
export function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** The findings of one rule over files, in order. */
export function findAll(files: readonly SourceFile[], rule: (file: SourceFile) => readonly Finding[]): Finding[] {
  return files.flatMap((file) => [...rule(file)]);
}
