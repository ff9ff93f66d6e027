import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

/** What the schemas have been asked about, not the compiler. */
export type Fields = ReturnType<typeof JSON.parse>;

/** One object of a rendering, as Kubernetes would get it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: Fields;
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** Module of kubernetes-types, by the apiVersion of what is used. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'autoscaling/v2': 'autoscaling/v2',
  'networking.k8s.io/v1': 'networking/v1',
  'policy/v1': 'policy/v1',
};

/** Of the Prometheus operator's ServiceMonitor what is used here: kubernetes-types has only what Kubernetes brings. */
const SERVICE_MONITOR = `interface ServiceMonitor {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'ServiceMonitor';
  metadata: import('kubernetes-types/meta/v1.js').ObjectMeta;
  spec: {
    jobLabel?: string;
    selector: import('kubernetes-types/meta/v1.js').LabelSelector;
    endpoints: { port: string; path?: string; interval?: \`\${number}s\`; scrapeTimeout?: \`\${number}s\`; relabelings?: { targetLabel: string; replacement: string }[] }[];
  };
}`;

const virtualFile = fileURLToPath(new URL('manifests-under-test.ts', import.meta.url));

/** What the schemas of Kubernetes have against the manifests: unknown, missing and mistyped fields. */
export function schemaFaults(manifests: readonly Manifest[]): string[] {
  const program = ts.createProgram([virtualFile], OPTIONS, hostWith(sourceOf(manifests)));
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line;
    return `${namedAt(manifests, line)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};

/** One line per manifest, so that a fault's line names its manifest. They are literals, so that unknown fields are faults. */
function sourceOf(manifests: readonly Manifest[]): string {
  const lines = manifests.map(
    (manifest, index) => `export const m${index}: ${typeOf(manifest)} = ${JSON.stringify(manifest)};`,
  );
  return [...lines, SERVICE_MONITOR].join('\n');
}

function typeOf({ apiVersion, kind }: Manifest): string {
  if (kind === 'ServiceMonitor') return kind;
  const module = MODULES[apiVersion];
  return module === undefined ? 'never' : `import('kubernetes-types/${module}.js').${kind}`;
}

function namedAt(manifests: readonly Manifest[], line: number): string {
  const manifest = manifests[line];
  return manifest === undefined ? 'schemas' : `${manifest.kind} ${manifest.metadata.name}`;
}

function hostWith(source: string): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  return {
    ...host,
    fileExists: (path) => path === virtualFile || host.fileExists(path),
    readFile: (path) => (path === virtualFile ? source : host.readFile(path)),
    getSourceFile: (path, ...rest) =>
      path === virtualFile
        ? ts.createSourceFile(path, source, OPTIONS.target!, true)
        : host.getSourceFile(path, ...rest),
  };
}
