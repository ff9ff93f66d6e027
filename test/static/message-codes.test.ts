import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { root } from '../support/root.js';

const CODES = new Set<string>(Object.values(Code).map(String));
/** A text or regular expression that begins as a message in JSON does. */
const JSON_HEAD = /^[/^\\"'`]*\[(\d+),/;

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.(ts|js|mjs)$/.test(file),
);

function isCode(node: ts.Node | undefined): boolean {
  return node !== undefined && ts.isNumericLiteral(node) && CODES.has(node.text);
}

/** The first element of a message: `message[0]`. */
function isFirstElement(node: ts.Expression): boolean {
  const inner = ts.isNonNullExpression(node) ? node.expression : node;
  return (
    ts.isElementAccessExpression(inner) &&
    ts.isNumericLiteral(inner.argumentExpression) &&
    inner.argumentExpression.text === '0'
  );
}

/** Is this a message, or a comparison with the code of one, that has the code as a number? */
function hasLiteralCode(node: ts.Node, source: ts.SourceFile): boolean {
  if (ts.isArrayLiteralExpression(node)) {
    const [first, second] = node.elements;
    return isCode(first) && second !== undefined && !ts.isNumericLiteral(second);
  }
  if (ts.isBinaryExpression(node) && /^[=!]==?$/.test(node.operatorToken.getText(source)))
    return (isFirstElement(node.left) && isCode(node.right)) || (isFirstElement(node.right) && isCode(node.left));
  if (ts.isCaseClause(node)) return isCode(node.expression) && isFirstElement(node.parent.parent.expression);
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateHead(node) && !ts.isRegularExpressionLiteral(node)) return false;
  return CODES.has(JSON_HEAD.exec(node.getText(source))?.[1] ?? '');
}

function literalCodes(name: string, text: string): string[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (hasLiteralCode(node, source))
      found.push(
        `${name}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}: ${node.getText(source)}`,
      );
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

it('src writes the code of a message by its name (rules 1.1)', () => {
  expect(files.length).toBeGreaterThan(500);
  expect(files.flatMap((file) => literalCodes(`src/${file}`, readFileSync(join(root, 'src', file), 'utf8')))).toEqual(
    [],
  );
});

it.each([
  'send([8, Code.CALL, request, {}, error])',
  'message[0] === 36',
  '48 !== message[0]!',
  'switch (message[0]) { case 50: break; }',
  String.raw`/^\[36,(\d+),/`,
  '`[16,${request},{}]`',
])('finds the code in %s', (text) => {
  expect(literalCodes('sample.ts', text)).toHaveLength(1);
});
