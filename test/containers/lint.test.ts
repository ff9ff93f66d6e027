import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { docker, hasImage } from '../support/docker.js';

const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));
const { services } = JSON.parse(await docker(['compose', '--profile', '*', 'config', '--format', 'json']));

/** Runs a command of the image that a service of compose.yaml uses, with the files it uses. */
function inImageOf(service: string, ...words: string[]): Promise<string> {
  const [command, ...rest] = words;
  const mounts = (services[service].volumes as { type: string; source: string; target: string }[])
    .filter(({ type }) => type === 'bind')
    .flatMap(({ source, target }) => ['--volume', `${source}:${target}:ro`]);
  return docker([
    'run',
    '--rm',
    '--network',
    'none',
    ...mounts,
    '--entrypoint',
    command!,
    services[service].image,
    ...rest,
  ]);
}

describe('what is in deploy/', () => {
  it('is found from the top of the tree, all profiles together', () => {
    expect(Object.keys(services).sort()).toEqual([
      'demo-backend',
      'gantry',
      'grafana',
      'haproxy',
      'prometheus',
      'redis',
    ]);
    expect(services.haproxy.volumes[0].source).toBe(`${deploy}/haproxy/haproxy.cfg`);
  });

  it('has nothing that HAProxy does not like', async () => {
    expect(await inImageOf('haproxy', 'haproxy', '-c', '-V', '-f', '/usr/local/etc/haproxy/haproxy.cfg')).toBe(
      'Configuration file is valid',
    );
  });
});

if (await hasImage(services.prometheus.image)) {
  it('has nothing that Prometheus does not like, alert rules included', async () => {
    const output = await inImageOf('prometheus', 'promtool', 'check', 'config', '/etc/prometheus/prometheus.yml');
    expect(output).toMatch(/rule files? found[^]*SUCCESS: \d+ rules found/);
  });
} else console.info(`promtool is left out: there is no ${services.prometheus.image}`);
