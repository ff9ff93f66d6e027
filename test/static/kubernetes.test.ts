import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OVERLAYS, render, renderedFile, sourcesChecksum } from '../../deploy/kubernetes/render.mjs';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { parseManifests, schemaFaults, type Fields, type Manifest } from '../support/manifests.js';

/** The time that a node may take beyond drain.deadlineMs, by docs/operations.md. */
const STOP_MS = 5_000;

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: Fields;
}

function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

function named(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = ofKind(manifests, kind).find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

function selects(labels: Readonly<Record<string, string>>, manifest: { metadata: Manifest['metadata'] }): boolean {
  return Object.entries(labels).every(([key, value]) => manifest.metadata.labels?.[key] === value);
}

/** What the node would run with: the file of the ConfigMap, and the variables of the container. */
function configOf(manifests: readonly Manifest[]): Config {
  const { spec } = named(manifests, 'Deployment', 'gantry')['spec'].template;
  const folder = mkdtempSync(join(tmpdir(), 'gantry-manifests-'));
  try {
    const files: Record<string, string> = named(manifests, 'ConfigMap', spec.volumes[0].configMap.name)['data'];
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const mounted: string = spec.containers[0].volumeMounts[0].mountPath;
    const environment = Object.fromEntries(
      (spec.containers[0].env as Variable[]).map((variable) => [
        variable.name,
        valueOf(variable, manifests).replace(mounted, folder),
      ]),
    );
    return loadConfig({ environment });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function valueOf({ value, valueFrom }: Variable, manifests: readonly Manifest[]): string {
  if (value !== undefined) return value;
  if (valueFrom.fieldRef?.fieldPath === 'metadata.name') return 'gantry-5d8f9c7b64-x2x9z';
  const { name, key } = valueFrom.secretKeyRef as { name: string; key: string };
  const secret = ofKind(manifests, 'Secret').find(({ metadata }) => metadata.name === name);
  return secret === undefined ? 'rediss://user:secret@redis.example.com:6380/0' : atob(secret['data'][key]);
}

describe.each(OVERLAYS)('deploy/kubernetes/overlays/%s', (overlay) => {
  const text = readFileSync(renderedFile(overlay), 'utf8');
  const manifests = parseManifests(text);
  const deployment = named(manifests, 'Deployment', 'gantry')['spec'];
  const pod = { metadata: deployment.template.metadata as Manifest['metadata'] };
  const [container] = deployment.template.spec.containers;
  const portNames: string[] = container.ports.map(({ name }: { name: string }) => name);

  it('is rendered from what it is made of: after a change run `npm run manifests`', () => {
    expect(text).toContain(`# Sources: ${sourcesChecksum()}\n`);
    // Where there is no kubectl, the checksum has to do.
    const anew = render(overlay);
    if (anew !== undefined) expect(parseManifests(anew)).toEqual(manifests);
  });

  it('is what the schemas of Kubernetes and of the Prometheus operator allow', () => {
    expect(schemaFaults(manifests)).toEqual([]);
  });

  it('gives every object a name of its own, and all but the namespace that namespace', () => {
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { kind, metadata } of manifests)
      if (kind !== 'Namespace') expect(metadata).toHaveProperty('namespace', 'gantry');
    expect(named(manifests, 'Namespace', 'gantry')).toBeDefined();
  });

  it('starts nodes with a configuration that they take, given through file and variables', () => {
    const config = configOf(manifests);
    expect(config.node.name).toMatch(/^gantry-/);
    expect(config.backplane.url).toMatch(/^rediss?:/);
    expect(config.log.format).toBe('json');
  });

  it('names the ports and addresses at which the nodes listen', () => {
    const { listen, ops } = configOf(manifests);
    expect(container.ports).toEqual([
      { name: 'clients', containerPort: listen.port },
      { name: 'ops', containerPort: ops.port },
    ]);
    expect([listen.host, ops.host]).toEqual(['0.0.0.0', '0.0.0.0']);
  });

  it('asks /healthz whether to restart a node and /readyz whether to send it clients, at the operations port', () => {
    expect(container.startupProbe.httpGet).toEqual({ path: '/healthz', port: 'ops' });
    expect(container.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'ops' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'ops' });
  });

  it('grants a node the time that it needs to leave', () => {
    const { drain, limits } = configOf(manifests);
    const waitMs = container.lifecycle.preStop.sleep.seconds * 1_000;
    const graceMs = deployment.template.spec.terminationGracePeriodSeconds * 1_000;
    expect(waitMs).toBeGreaterThanOrEqual(5_000);
    expect(waitMs + drain.deadlineMs + STOP_MS).toBeLessThanOrEqual(graceMs);
    if (limits.maxCallTimeoutMs !== undefined) expect(limits.maxCallTimeoutMs).toBeLessThan(drain.deadlineMs);
  });

  it('replaces nodes one by one, each only after another has come', () => {
    expect(deployment.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(deployment.minReadySeconds).toBeGreaterThan(0);
  });

  it('spreads the pods of one version over zones and machines', () => {
    for (const { labelSelector, matchLabelKeys } of deployment.template.spec.topologySpreadConstraints) {
      expect(selects(labelSelector.matchLabels, pod)).toBe(true);
      expect(matchLabelKeys).toEqual(['pod-template-hash']);
    }
    expect(
      deployment.template.spec.topologySpreadConstraints.map(({ topologyKey }: { topologyKey: string }) => topologyKey),
    ).toEqual(['topology.kubernetes.io/zone', 'kubernetes.io/hostname']);
  });

  it('needs no rights: every container meets the Pod Security Standard "restricted" and writes to no file system', () => {
    for (const { spec } of ofKind(manifests, 'Deployment').map((manifest) => manifest['spec'].template)) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
      for (const each of spec.containers) {
        expect(each.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(Object.keys(each.resources.limits)).toEqual(['memory']);
        expect(Object.keys(each.resources.requests)).toEqual(['cpu', 'memory']);
      }
    }
    expect(named(manifests, 'ServiceAccount', deployment.template.spec.serviceAccountName)).toMatchObject({
      automountServiceAccountToken: false,
    });
  });

  it('runs a node as the user of its image', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const { runAsUser, runAsGroup } = deployment.template.spec.securityContext;
    expect(dockerfile.match(/^USER .*$/gm)).toContain(`USER ${runAsUser}:${runAsGroup}`);
  });

  it('selects with everything that selects pods those of the one deployment that is meant', () => {
    const pods = ofKind(manifests, 'Deployment').map(({ metadata, spec }) => ({
      deployment: metadata.name,
      metadata: spec.template.metadata as Manifest['metadata'],
    }));
    const chosen = manifests.flatMap(({ kind, metadata, spec }) => {
      const labels = spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels ?? spec?.selector;
      if (labels === undefined || kind === 'ServiceMonitor') return [];
      const deployments = pods.filter((each) => selects(labels, each)).map((each) => each.deployment);
      return [[`${kind} ${metadata.name}`, deployments]];
    });
    const routers = {
      'Deployment gantry': ['gantry'],
      'Service gantry': ['gantry'],
      'Service gantry-ops': ['gantry'],
      'PodDisruptionBudget gantry': ['gantry'],
      'NetworkPolicy gantry': ['gantry'],
      'NetworkPolicy gantry-to-redis': ['gantry'],
    };
    const redis = {
      'Deployment gantry-redis': ['gantry-redis'],
      'Service gantry-redis': ['gantry-redis'],
      'NetworkPolicy gantry-redis': ['gantry-redis'],
    };
    expect(Object.fromEntries(chosen)).toEqual(overlay === 'trial' ? { ...routers, ...redis } : routers);
  });

  it('leads clients to the port for clients and keeps the operations port to a Service of its own', () => {
    const ports = (name: string): unknown => named(manifests, 'Service', name)['spec'].ports;
    expect(ports('gantry')).toMatchObject([{ targetPort: 'clients' }]);
    expect(ports('gantry-ops')).toMatchObject([{ name: 'ops', targetPort: 'ops' }]);
  });

  it('lets clients in from anywhere, to the operations port only monitoring, and nothing out but to DNS and the store', () => {
    const { spec } = named(manifests, 'NetworkPolicy', 'gantry');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    const [clients, ops, ...rest] = spec.ingress;
    expect(rest).toEqual([]);
    expect(clients).toEqual({ ports: [{ protocol: 'TCP', port: 'clients' }] });
    expect(ops).toEqual({
      from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      ports: [{ protocol: 'TCP', port: 'ops' }],
    });
    expect(portNames).toEqual(['clients', 'ops']);
    const out = [...spec.egress, ...named(manifests, 'NetworkPolicy', 'gantry-to-redis')['spec'].egress];
    expect(out.every(({ to, ports }) => to?.length === 1 && ports?.length > 0)).toBe(true);
  });

  it('never lets more than one node be taken by choice, nor unready ones keep machines from being emptied', () => {
    expect(named(manifests, 'PodDisruptionBudget', 'gantry')['spec']).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
  });
});

const read = (overlay: 'trial' | 'production') => parseManifests(readFileSync(renderedFile(overlay), 'utf8'));

describe('the trial overlay', () => {
  const manifests = read('trial');

  it('has a Redis where its Secret points, which takes only what comes from the nodes', () => {
    const { hostname, port } = new URL(configOf(manifests).backplane.url);
    expect(named(manifests, 'Service', hostname)['spec'].ports).toEqual([
      { name: 'redis', port: Number(port), targetPort: 'redis' },
    ]);
    const pods = named(manifests, 'Deployment', 'gantry')['spec'].template;
    const [{ from, ports }] = named(manifests, 'NetworkPolicy', 'gantry-redis')['spec'].ingress;
    expect(from.map(({ podSelector }: Fields) => selects(podSelector.matchLabels, pods))).toEqual([true]);
    expect(ports).toEqual([{ protocol: 'TCP', port: 'redis' }]);
  });
});

describe('the production overlay', () => {
  const manifests = read('production');
  const autoscaler = named(manifests, 'HorizontalPodAutoscaler', 'gantry')['spec'];

  it('brings no secret; the README shows how to make the one that the nodes read', () => {
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    const [container] = named(manifests, 'Deployment', 'gantry')['spec'].template.spec.containers;
    const { name, key } = container.env.find((each: Variable) => each.valueFrom?.secretKeyRef).valueFrom.secretKeyRef;
    const readme = readFileSync(new URL('../../deploy/kubernetes/README.md', import.meta.url), 'utf8');
    expect(readme).toContain(`create secret generic ${name} --from-literal=${key}=`);
  });

  it('is closed: no demo, named origins, no realm in which anonymous clients may do everything', () => {
    const { demo, listen, realms } = configOf(manifests);
    expect(demo.enabled).toBe(false);
    expect(listen.allowedOrigins).not.toContain('*');
    for (const { permissions } of realms.flatMap(({ roles }) => roles))
      for (const { uri } of permissions) expect(uri).not.toBe('');
  });

  it('leaves the number of nodes to the autoscaler, which knows the deployment', () => {
    expect(named(manifests, 'Deployment', 'gantry')['spec']).not.toHaveProperty('replicas');
    expect(autoscaler.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'gantry' });
    expect(autoscaler.minReplicas).toBeGreaterThanOrEqual(3);
  });

  it('adds nodes by a metric that nodes have, before they refuse connections', () => {
    const { pods } = autoscaler.metrics.find(({ type }: { type: string }) => type === 'Pods');
    const metrics = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    expect(metrics).toContain(`| \`${pods.metric.name}\` | gauge |`);
    expect(Number(pods.target.averageValue)).toBeLessThan(configOf(manifests).limits.maxConnections);
  });

  it('is scraped where the metrics are', () => {
    const { jobLabel, selector, endpoints } = named(manifests, 'ServiceMonitor', 'gantry')['spec'];
    const services = ofKind(manifests, 'Service').filter((service) => selects(selector.matchLabels, service));
    expect(services.map(({ metadata }) => metadata.name)).toEqual(['gantry-ops']);
    expect(endpoints).toMatchObject([{ port: services[0]!['spec'].ports[0].name, path: '/metrics' }]);
    // That of docs/operations.md and deploy/observability.
    expect(services[0]!.metadata.labels?.[jobLabel]).toBe('gantry');
  });
});

describe('the check against the schemas', () => {
  const faultsAfter = (kind: string, spoil: (manifest: Fields) => void): string[] => {
    const copy = structuredClone(ofKind(read('production'), kind)[0]!);
    spoil(copy);
    return schemaFaults([copy]);
  };

  it.each([
    ['an unknown field', 'Deployment', ({ spec }: Fields) => (spec.template.spec.containers[0].imagee = 'gantry')],
    ['a missing field', 'Deployment', ({ spec }: Fields) => delete spec.selector],
    ['a mistyped field', 'Service', ({ spec }: Fields) => (spec.ports[0].port = '80')],
    ['an unknown kind', 'Service', (manifest: Fields) => (manifest.kind = 'Servise')],
    ['an unknown version', 'PodDisruptionBudget', (manifest: Fields) => (manifest.apiVersion = 'policy/v1beta1')],
    ['an unknown field of the operator', 'ServiceMonitor', ({ spec }: Fields) => (spec.endpoints[0].scrapeTime = '5s')],
  ])('finds %s', (_, kind, spoil) => {
    expect(faultsAfter(kind, spoil)).toHaveLength(1);
  });
});
