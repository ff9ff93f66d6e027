import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { renderConfigurationPage } from '../../docs/generator/configuration-page.js';
import { SETTINGS } from '../../src/config/settings.js';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

it('docs/configuration.md is what the schema has: after a change run `npm run docs`', () => {
  expect(page).toBe(renderConfigurationPage());
});

it('docs/configuration.md names every setting with its variable', () => {
  for (const { path, variable, kind, isOptional } of SETTINGS) {
    if (kind === 'section' && !isOptional) continue;
    expect(page).toContain(`| \`${path.join('.')}\` | \`${variable}\` |`);
  }
});

it('docs/configuration.md gives examples that can be used', () => {
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  expect(examples).toHaveLength(2);
  const folder = mkdtempSync(join(tmpdir(), 'gantry-docs-'));
  try {
    const configs = examples.map((text, index) => {
      const file = join(folder, `${index}.yaml`);
      writeFileSync(file, text);
      return loadConfig({ file });
    });
    expect(configs[0]?.realms[0]).toMatchObject({ name: 'com.example.app', anonymousRole: 'visitor' });
    expect(configs[0]?.realmTemplate?.idleMs).toBe(600_000);
    expect(configs[1]).toEqual(loadConfig({}));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
