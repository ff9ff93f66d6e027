// Puts the pages of the console beside the compiled router.
import { cpSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
cpSync(join(root, 'src', 'console', 'public'), join(root, 'dist', 'console', 'public'), { recursive: true });
