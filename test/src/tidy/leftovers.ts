import ts from 'typescript';
import { isTest, parse, placeOf, walk, type Finding, type SourceFile } from './sources.ts';

const markers = /\bTODO\b|\bFIXME\b|\bXXX\b|\b[Ff]or now\b|\b[Nn]ot (yet )?implemented\b/;
const shelves = /(^|[-.])(utils?|helpers?|managers?|common)([-.]|$)/i;

/** Marks of work that was put off, in code and in prose. The rule's own files name them and are not looked at. */
export function markerFindings({ path, text }: SourceFile): Finding[] {
  if (path.startsWith('test/src/tidy/')) return [];
  return text.split('\n').flatMap((line, index) => {
    const found = markers.exec(line)?.[0];
    return found === undefined ? [] : [`${path}:${index + 1} says "${found}"`];
  });
}

/** Names that say nothing about what is inside. */
export function nameFindings({ path }: SourceFile): Finding[] {
  const found = path.split('/').find((part) => shelves.test(part));
  return found === undefined ? [] : [`${path} is a shelf: ${found}`];
}

/** Tests that others would hide, or that are hidden without saying why. */
export function hiddenTestFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(parse(file), (node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && /^(test|it|describe|suite|t)$/.test(node.expression.expression.getText())) {
      const verb = node.expression.name.text;
      if (verb === 'only' || verb === 'todo') findings.push(`${placeOf(node)} .${verb}`);
      if (verb === 'skip' && !(node.arguments[0]?.getText() ?? '').includes('because')) findings.push(`${placeOf(node)} .skip without "because" and a reason in its name`);
    }
    if (ts.isPropertyAssignment(node) && isTest(file.path)) {
      const [name, value] = [node.name.getText(), node.initializer.kind];
      if ((name === 'only' || name === 'skip' || name === 'todo') && value === ts.SyntaxKind.TrueKeyword) findings.push(`${placeOf(node)} ${name}: true says no reason`);
    }
  });
  return findings;
}

/** `any` in a cast switches the compiler off; an error that is dropped needs a word about why it may be. */
export function silencedFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(parse(file), (node) => {
    if (ts.isAsExpression(node) && node.type.kind === ts.SyntaxKind.AnyKeyword) findings.push(`${placeOf(node)} as any`);
    if (ts.isCatchClause(node) && node.block.statements.length === 0 && !hasComment(node.block.getText())) findings.push(`${placeOf(node)} empty catch without a comment`);
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'catch') {
      const [handler] = node.arguments;
      if (handler !== undefined && ts.isArrowFunction(handler) && dropsTheError(handler) && !isExplained(node)) findings.push(`${placeOf(node.expression.name)} .catch drops the error without a comment`);
    }
  });
  return findings;
}

function dropsTheError({ body }: ts.ArrowFunction): boolean {
  if (ts.isBlock(body)) return body.statements.length === 0 && !hasComment(body.getText());
  return body.getText() === 'undefined' || body.kind === ts.SyntaxKind.NullKeyword;
}

/** A comment above the statement, or on its lines or the line before the call's own. */
function isExplained(node: ts.Node): boolean {
  let statement: ts.Node = node;
  while (!ts.isStatement(statement) && !ts.isClassElement(statement)) statement = statement.parent;
  if (hasComment(statement.getFullText().slice(0, statement.getLeadingTriviaWidth()))) return true;
  const source = node.getSourceFile();
  const lines = source.text.split('\n');
  const line = source.getLineAndCharacterOfPosition(node.getEnd()).line;
  return hasComment(`${lines[line - 1] ?? ''}\n${lines[line] ?? ''}`);
}

function hasComment(text: string): boolean {
  return /\/\/|\/\*/.test(text.replaceAll('://', ''));
}
