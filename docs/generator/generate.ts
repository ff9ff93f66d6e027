// Writes the generated pages of docs/. `npm run docs` compiles and runs it in the root of the repository.
import { writeFileSync } from 'node:fs';
import { renderConfigurationPage } from './configuration-page.js';
import { renderMetricsPage } from './metrics-page.js';

const pages = { 'configuration.md': renderConfigurationPage(), 'metrics.md': renderMetricsPage() };
for (const [name, text] of Object.entries(pages)) writeFileSync(`docs/${name}`, text);
