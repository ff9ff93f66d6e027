// Puts the Lua files of the store beside the compiled router, which reads them when it starts.
import { cpSync } from 'node:fs';
import { join } from 'node:path';

const [from, to] = ['src', 'dist'].map((folder) =>
  join(import.meta.dirname, '..', '..', folder, 'backplane', 'redis', 'scripts', 'lua'),
);
cpSync(from, to, { recursive: true });
