// Writes the generated pages of docs/. Needs a build: `npm run docs` makes one first.
import { writeFileSync } from 'node:fs';
import { renderReference } from '../dist/config/reference.js';

writeFileSync(new URL('../docs/configuration.md', import.meta.url), renderReference());
