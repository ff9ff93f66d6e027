// Puts the votes demo beside the compiled router: its pages, and autobahn-js so that no page needs the internet.
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const target = join(root, 'dist', 'demo', 'public');
const vendor = join(target, 'vendor');
const autobahn = dirname(createRequire(import.meta.url).resolve('autobahn-browser/package.json'));

cpSync(join(root, 'src', 'demo', 'public'), target, { recursive: true });
mkdirSync(vendor, { recursive: true });
for (const file of ['autobahn.min.js', 'LICENSE'])
  cpSync(join(autobahn, file), join(vendor, file === 'LICENSE' ? 'autobahn.LICENSE.txt' : file));
