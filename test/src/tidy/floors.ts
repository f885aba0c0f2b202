import ts from 'typescript';
import { isTest, parse, placeOf, walk, type Finding, type SourceFile } from './sources.ts';

/** The house (docs/ARCHITECTURE.md): a workspace may import those of lower floors and none of its own. */
export const floors: Readonly<Record<string, number>> = {
  'libs/base': 0,
  'libs/crypto': 1,
  'libs/qemu': 1,
  'libs/wire': 1,
  'libs/snapshot': 2,
  'apps/agent': 3,
  'apps/api': 3,
  'apps/dashboard': 3,
  test: 4,
};

const prefix = '@godwit/';

/** Parts of a workspace with an entry of their own in its package.json, beside its index. */
const publicParts: ReadonlySet<string> = new Set(['api/testing', 'base/trace', 'wire/operators']);

/** The page runs in browsers: all it knows of the house is this, and nothing of Node. */
const pageWorkspace = 'apps/dashboard';
const pageKnows = '@godwit/wire/operators';

/** Files of libs/qemu that do I/O; all others are codecs and may not. */
export const qemuEdges: ReadonlySet<string> = new Set([
  'libs/qemu/src/qmp/session.ts',
  // The server listens, the connection is given its socket.
  'libs/qemu/src/nbd/server.ts',
  'libs/qemu/src/nbd/connection.ts',
]);

const ioModules = /^(node:)?(net|fs|fs\/promises|child_process|dgram|http|https|http2|tls|worker_threads|cluster)$/;

export function workspaceOf(path: string): string | undefined {
  return Object.keys(floors).find((workspace) => path.startsWith(`${workspace}/`));
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  walk(parse(file), (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword : node.isTypeOnly;
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly, node });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) imports.push({ specifier: argument.text, typeOnly: false, node });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      imports.push({ specifier: node.argument.literal.text, typeOnly: true, node });
    }
  });
  return imports;
}

export function floorFindings(file: SourceFile): Finding[] {
  const workspace = workspaceOf(file.path);
  if (workspace === undefined) return file.path.startsWith('infra/') ? foundationFindings(file) : [];
  const floor = floors[workspace]!;
  return importsOf(file).flatMap(({ specifier, node }) => {
    if (specifier.startsWith('.')) {
      const target = new URL(specifier, `file:///${file.path}`).pathname.slice(1);
      return target.startsWith(`${workspace}/src/`) ? [] : [`${placeOf(node)} reaches out of its workspace: ${specifier}`];
    }
    if (!specifier.startsWith(prefix)) return [];
    const name = specifier.slice(prefix.length);
    const [target] = Object.entries(floors).filter(([path]) => path.split('/').at(-1) === name.split('/')[0]);
    if (target === undefined) return [`${placeOf(node)} imports an unknown workspace: ${specifier}`];
    if (name.includes('/') && !publicParts.has(name)) return [`${placeOf(node)} imports past the public API: ${specifier}`];
    return target[1] < floor ? [] : [`${placeOf(node)} imports upward: ${workspace} (floor ${floor}) uses ${specifier} (floor ${target[1]})`];
  });
}

/** Tests of the page run on Node, its sources in a browser. */
export function pageFindings(file: SourceFile): Finding[] {
  if (workspaceOf(file.path) !== pageWorkspace || isTest(file.path) || !file.path.startsWith(`${pageWorkspace}/src/`)) return [];
  return importsOf(file).flatMap(({ specifier, node }) =>
    specifier.startsWith('node:') || (specifier.startsWith(prefix) && specifier !== pageKnows) ? [`${placeOf(node)} runs in a browser, but imports ${specifier}`] : [],
  );
}

/** infra/ runs before anything is installed or built: on nothing but Node and itself. */
function foundationFindings(file: SourceFile): Finding[] {
  return importsOf(file).flatMap(({ specifier, node }) =>
    specifier.startsWith('node:') || specifier.startsWith('.') ? [] : [`${placeOf(node)} runs before packages are installed, but imports ${specifier}`],
  );
}

export function codecFindings(file: SourceFile): Finding[] {
  if (!file.path.startsWith('libs/qemu/src/') || qemuEdges.has(file.path) || isTest(file.path)) return [];
  return importsOf(file).flatMap(({ specifier, typeOnly, node }) =>
    ioModules.test(specifier) && !typeOnly ? [`${placeOf(node)} is a codec, but imports ${specifier}`] : [],
  );
}

/** Packages a workspace uses and its package.json does not name: they work only as long as somebody else needs them. */
export function undeclaredFindings(file: SourceFile, declared: ReadonlySet<string>): Finding[] {
  return importsOf(file).flatMap(({ specifier, node }) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
    return declared.has(name) || declared.has(`@types/${name}`) ? [] : [`${placeOf(node)} imports ${name}, which its package.json does not name`];
  });
}
