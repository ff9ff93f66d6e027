// Layers of src/, lowest first: a folder may import only itself and what stands before it.
const layers = ['wamp', 'codec', 'routing', 'transport', 'backplane', 'session', 'realm'];
const side = ['telemetry', 'config'];

const upward = layers.map((layer, index) => ({
  name: `layer-${layer}`,
  severity: 'error',
  comment: `${layer} may import only ${layers.slice(0, index + 1).join(', ')} and the side layers.`,
  from: { path: `^src/${layer}/` },
  to: {
    path: '^src/',
    pathNot: `^src/(${[...layers.slice(0, index + 1), ...(index < 3 ? [] : ['telemetry'])].join('|')})/`,
  },
}));

const only = (name, packages, from) => ({
  name,
  severity: 'error',
  comment: `${packages} is imported in one place only.`,
  from: { path: '^src/', pathNot: from },
  to: { path: `node_modules/(${packages})(/|$)` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['\\.d\\.ts$', '^src/main\\.ts$', '^src/demo/'] },
      to: {},
    },
    ...upward,
    ...side.map((name) => ({
      name: `side-${name}`,
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: '^src/', pathNot: `^src/(${name}|wamp)/` },
    })),
    {
      name: 'pure-layers',
      severity: 'error',
      comment: 'wamp and routing import no package at all; codec only node:buffer (D2).',
      from: { path: '^src/(wamp|routing)/' },
      to: { dependencyTypes: ['npm', 'core'] },
    },
    {
      name: 'pure-codec',
      severity: 'error',
      from: { path: '^src/codec/' },
      to: { dependencyTypes: ['npm', 'core'], pathNot: '^(node:)?buffer$' },
    },
    only('uws-in-transport', '@uwsjs|uWebSockets\\.js', '^src/transport/uws-'),
    only('koffi-in-transport', 'koffi', '^src/transport/kernel-sockets\\.ts$'),
    only('ioredis-in-redis', 'ioredis', '^src/backplane/redis/'),
    only('zod-in-config', 'zod', '^src/config/'),
    only('yaml-in-config', 'yaml', '^src/config/'),
    only('pino-in-telemetry', 'pino|pino-pretty', '^src/telemetry/'),
    only('prom-client-in-telemetry', 'prom-client', '^src/telemetry/'),
    {
      name: 'not-to-dev-dep',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/demo/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
