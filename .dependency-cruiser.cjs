// Layers of src/, lowest first: a folder may import only itself and what stands before it.
const layers = ['util', 'wamp', 'codec', 'routing', 'transport', 'backplane', 'session', 'realm', 'bridge'];
const side = ['telemetry', 'config', 'client'];
// They build and run a node, and may import every layer.
const top = ['node', 'processes', 'cli'];

const upward = layers.map((layer, index) => ({
  name: `layer-${layer}`,
  severity: 'error',
  comment: `${layer} may import only ${layers.slice(0, index + 1).join(', ')} and the side layers.`,
  from: { path: `^src/${layer}/` },
  to: {
    path: '^src/',
    pathNot: `^src/(${[...layers.slice(0, index + 1), ...(index < 4 ? [] : ['telemetry'])].join('|')})/`,
  },
}));

const downward = top.map((layer, index) => ({
  name: `layer-${layer}`,
  severity: 'error',
  comment: `${layer} may import ${[...top.slice(0, index + 1)].join(', ')} and every layer below.`,
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${[...layers, ...side, ...top.slice(0, index + 1)].join('|')})/` },
}));

// Rooms of src/backplane, and what each may import there besides itself.
const backplaneFiles = 'src/backplane/[^/]+$';
const rooms = [
  { room: 'wire', may: [backplaneFiles] },
  { room: 'memory', may: [backplaneFiles] },
  { room: 'redis', may: [backplaneFiles, 'src/backplane/wire/'] },
].map(({ room, may }) => ({
  name: `room-${room}`,
  severity: 'error',
  from: { path: `^src/backplane/${room}/` },
  to: { path: '^src/backplane/', pathNot: `^(src/backplane/${room}/|${may.join('|')})` },
}));

// Rooms of src/backplane/redis: each imports itself, `ports`, `keys`, `scripts` and the layers below.
const redisRooms = [
  'connection',
  'scripts',
  'lanes',
  'membership',
  'realm',
  'sessions',
  'reachability',
  'expiring',
  'kept',
].map((room) => ({
  name: `room-redis-${room}`,
  severity: 'error',
  from: { path: `^src/backplane/redis/${room}/` },
  to: {
    path: '^src/backplane/redis/',
    pathNot: `^src/backplane/redis/((${room}|scripts)/|(ports|keys)\\.ts$)`,
  },
}));

const exceptions = { telemetry: '|routing/outcomes\\.ts$', client: '|transport/raw/frame-(head|reader)\\.ts$' };
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
      comment: 'Type-only imports included.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['\\.d\\.ts$', '^src/main\\.ts$', '^src/demo/'] },
      to: {},
    },
    ...upward,
    ...downward,
    ...rooms,
    ...redisRooms,
    ...side.map((name) => ({
      name: `side-${name}`,
      severity: 'error',
      from: { path: `^src/${name}/` },
      // Counters have a key for each outcome that routing declares; a client encodes, and frames RawSocket, as a node does.
      to: {
        path: '^src/',
        pathNot: `^src/((${name}|wamp|util${name === 'client' ? '|codec' : ''})/${exceptions[name] ?? ''})`,
      },
    })),
    {
      name: 'pure-layers',
      severity: 'error',
      comment: 'util, wamp and routing import no package at all; codec only node:buffer (D2).',
      from: { path: '^src/(util|wamp|routing)/' },
      to: { dependencyTypes: ['npm', 'core'] },
    },
    {
      name: 'pure-codec',
      severity: 'error',
      from: { path: '^src/codec/' },
      to: { dependencyTypes: ['npm', 'core'], pathNot: '^(node:)?buffer$' },
    },
    only('uws-in-transport', '@uwsjs|uWebSockets\\.js[^/]*', '^src/transport/uws/'),
    {
      name: 'sockets-in-raw',
      severity: 'error',
      comment: 'The transports over uWebSockets.js need no sockets of Node.js; a probe names why listening failed.',
      from: { path: '^src/(transport|session|realm|node)/', pathNot: '^src/transport/(raw/|listen-error\\.ts$)' },
      to: { dependencyTypes: ['core'], path: '^(node:)?(net|tls)$' },
    },
    only('koffi-in-transport', 'koffi', '^src/transport/bounds/kernel-sockets\\.ts$'),
    only('ioredis-in-redis', 'ioredis', '^src/backplane/redis/'),
    only('slots-in-redis', 'cluster-key-slot', '^src/backplane/redis/connection/slots\\.ts$'),
    only('msgpackr-in-backplane', 'msgpackr', '^src/backplane/packr\\.ts$'),
    only('zod-in-config', 'zod', '^src/config/'),
    only('yaml-in-config', 'yaml', '^src/config/'),
    only('pino-in-telemetry', 'pino|pino-pretty', '^src/telemetry/'),
    only('prom-client-in-telemetry', 'prom-client', '^src/telemetry/'),
    only('jose-in-node', 'jose', '^src/node/auth/(token-verifier|published-keys)\\.ts$'),
    only('ws-in-client', 'ws', '^src/(client/websocket\\.ts$|demo/)'),
    only('hash-wasm-in-client', 'hash-wasm', '^src/client/login/argon2\\.ts$'),
    only('saslprep-in-client', '@mongodb-js/saslprep', '^src/client/login/scram-password\\.ts$'),
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
