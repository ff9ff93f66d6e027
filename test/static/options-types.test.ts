import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from '../support/root.js';

const MAX_CALLBACKS = 5;

const isCallback = (member: ts.TypeElement): boolean =>
  ts.isMethodSignature(member) ||
  (ts.isPropertySignature(member) && member.type !== undefined && ts.isFunctionTypeNode(member.type));

it('no options type of src and bench has more than five callbacks: more are a collaborator with a name', () => {
  const found: string[] = [];
  let count = 0;
  for (const folder of ['src', 'bench'])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(join(root, folder, file), 'utf8');
      for (const statement of ts.createSourceFile(file, text, ts.ScriptTarget.Latest).statements) {
        if (!ts.isInterfaceDeclaration(statement) || !/(Options|Dependencies|Hooks)$/.test(statement.name.text))
          continue;
        count++;
        if (statement.members.filter(isCallback).length > MAX_CALLBACKS) found.push(`${file}: ${statement.name.text}`);
      }
    }
  expect(count).toBeGreaterThan(80);
  expect(found).toEqual([]);
});
