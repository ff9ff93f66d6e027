// Writes rendered/: what `kubectl apply -k` would apply. `npm run manifests`; needs kubectl or kustomize on the PATH.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';

const root = fileURLToPath(new URL('.', import.meta.url));
const TOOLS = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
];

export const OVERLAYS = ['trial', 'production'];

/** Checksum of all sources of a rendering: shows without kubectl whether a rendering is up to date. */
export function sourcesChecksum() {
  const hash = createHash('sha256');
  for (const folder of ['base', ...OVERLAYS.map((overlay) => `overlays/${overlay}`)]) {
    for (const file of readdirSync(join(root, folder)).sort()) {
      const text = readFileSync(join(root, folder, file), 'utf8').replaceAll('\r\n', '\n');
      hash.update(`${folder}/${file} ${text.length}\n${text}`);
    }
  }
  return hash.digest('hex');
}

/** The manifests of an overlay as one text of YAML; undefined on a machine with neither kubectl nor kustomize. */
export function render(overlay) {
  for (const [command, word] of TOOLS) {
    const { error, status, stdout, stderr } = spawnSync(command, [word, join(root, 'overlays', overlay)], {
      encoding: 'utf8',
    });
    if (error?.code === 'ENOENT') continue;
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`${command} ${word}: ${stderr.trim()}`);
    return stdout;
  }
  return undefined;
}

export function renderedFile(overlay) {
  return join(root, 'rendered', `${overlay}.yaml`);
}

async function main() {
  for (const overlay of OVERLAYS) {
    const manifests = render(overlay);
    if (manifests === undefined) throw new Error('install kubectl or kustomize to render the manifests');
    const header = `# Written by \`npm run manifests\` from overlays/${overlay}. Do not edit.\n# Sources: ${sourcesChecksum()}\n`;
    const text = await format(header + manifests, { parser: 'yaml', printWidth: 120, singleQuote: true });
    writeFileSync(renderedFile(overlay), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
