// Writes the generated pages of docs/. Needs a build: `npm run docs` makes one first.
import { writeFileSync } from 'node:fs';
import { renderReference } from '../dist/config/reference.js';
import { renderMetricsPage } from '../dist/telemetry/metrics-page.js';

const pages = { 'configuration.md': renderReference(), 'metrics.md': renderMetricsPage() };
for (const [name, text] of Object.entries(pages)) writeFileSync(new URL(name, import.meta.url), text);
