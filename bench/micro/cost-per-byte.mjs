// Processor time that one session costs a node, per message and per MiB it sends, by message: where a byte is dearest.
// npm run build && node bench/micro/cost-per-byte.mjs [MiB per message type, default 1]
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';

const MEBIBYTE = 2 ** 20;
const sentBytes = Number(process.argv[2] ?? 1) * MEBIBYTE;
const BATCH_BYTES = 65_536;
const TICKS_PER_SECOND = 100;
const FENCE = 'com.bench.nothing.there';
const hello = JSON.stringify([1, 'realm1', { roles: { publisher: {}, subscriber: {}, caller: {}, callee: {} } }]);
const deep = '[['.repeat(14) + ']]'.repeat(14);
const keys = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x_${i}`, 0]));

/** One message, or several that belong together, for the nth time. */
const MESSAGES = {
  'PUBLISH, nobody there': () => '[16,1,{},"a"]',
  'PUBLISH, to itself excluded': () => '[16,1,{},"own"]',
  'PUBLISH, to itself': () => '[16,1,{"exclude_me":false},"own"]',
  'PUBLISH, acknowledged': () => '[16,1,{"acknowledge":true},"a"]',
  'PUBLISH, invalid topic': () => '[16,1,{},""]',
  'PUBLISH, 60 unknown options': () => JSON.stringify([16, 1, keys(60), 'a']),
  'PUBLISH, another topic each': (n) => `[16,1,{},"${n.toString(36)}"]`,
  'PUBLISH, deep payload': () => `[16,1,{},"a",[${deep}]]`,
  'PUBLISH, payload of numbers': () => `[16,1,{},"a",[${'1e300,'.repeat(100)}0]]`,
  'PUBLISH, payload of escapes': () => `[16,1,{},"a",["${'\\ud800'.repeat(100)}"]]`,
  'PUBLISH, payload of bytes': () => `[16,1,{},"a",["\\u0000${'AAAA'.repeat(200)}"]]`,
  'CALL, no such procedure': () => '[48,1,{},"a"]',
  'CALL, under wamp.': () => '[48,1,{},"wamp.a"]',
  'CALL and CANCEL, nobody there': () => ['[48,1,{},"a"]', '[49,1,{}]'],
  'CANCEL of nothing': () => '[49,1,{}]',
  'YIELD, late': () => '[70,1,{}]',
  'ERROR, late': () => '[8,68,1,{},"a"]',
  'SUBSCRIBE again': () => '[32,1,{},"own"]',
  'SUBSCRIBE, refused': () => '[32,1,{},"wamp.a"]',
  'SUBSCRIBE and UNSUBSCRIBE of nothing': () => ['[32,1,{},"own"]', '[34,1,1]'],
  'REGISTER, taken': () => '[64,1,{},"own"]',
  'UNREGISTER of nothing': () => '[66,1,1]',
};

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const [port, opsPort] = [await freePort(), await freePort()];
const node = spawn(process.execPath, ['dist/main.js', 'start'], {
  stdio: 'ignore',
  env: { ...process.env, GANTRY_LISTEN_PORT: String(port), GANTRY_OPS_PORT: String(opsPort) },
});
process.on('exit', () => node.kill('SIGKILL'));

async function isReady() {
  try {
    return (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).ok;
  } catch {
    return false;
  }
}
while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 50));

/** CPU time of all threads of the node. */
function cpuSeconds() {
  const fields = readFileSync(`/proc/${node.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** A session with one subscription and one registration, and the invocation that makes YIELD late. */
async function join() {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'wamp.2.json', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(hello);
  await once(socket, 'message');
  for (const request of ['[32,1,{},"own"]', '[64,2,{},"own"]']) {
    socket.send(request);
    await once(socket, 'message');
  }
  socket.send('[48,3,{},"own"]');
  const [invocation] = await once(socket, 'message');
  socket.send(JSON.stringify([70, JSON.parse(invocation)[1], {}]));
  await once(socket, 'message');
  return socket;
}

async function measure(messageOf) {
  const socket = await join();
  let closedBy;
  socket.on('close', (code) => (closedBy = code));
  const done = new Promise((resolve) => {
    socket.on('message', (bytes) => bytes.includes('9007199254740991') && resolve());
    socket.on('close', resolve);
  });
  const before = cpuSeconds();
  let bytes = 0;
  let count = 0;
  while (bytes < sentBytes && closedBy === undefined) {
    for (const text of [messageOf(count)].flat()) {
      socket.send(text);
      bytes += text.length;
      count++;
    }
    while (socket.bufferedAmount > BATCH_BYTES && closedBy === undefined)
      await new Promise((resolve) => setImmediate(resolve));
  }
  socket.send(`[48,9007199254740991,{},"${FENCE}"]`);
  await done;
  const seconds = cpuSeconds() - before;
  socket.terminate();
  return {
    'bytes each': Math.round(bytes / count),
    'µs each': Number(((seconds * 1e6) / count).toFixed(1)),
    'CPU s per MiB': Number(((seconds * MEBIBYTE) / bytes).toFixed(2)),
    ...(closedBy === undefined ? {} : { closed: closedBy }),
  };
}

/** HELLO and GOODBYE in turn on one connection. */
async function measureSessions(helloText, isOpened) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'wamp.2.json', { perMessageDeflate: false });
  // One of each pair below is left over with every message.
  socket.setMaxListeners(0);
  await once(socket, 'open');
  const goodbye = '[6,{},"a"]';
  const before = cpuSeconds();
  let bytes = 0;
  let count = 0;
  while (bytes < sentBytes / 4 && socket.readyState === WebSocket.OPEN) {
    for (const text of isOpened ? [helloText, goodbye] : [helloText]) {
      socket.send(text);
      bytes += text.length;
      count++;
      await Promise.race([once(socket, 'message'), once(socket, 'close')]);
    }
  }
  const seconds = cpuSeconds() - before;
  socket.terminate();
  return {
    'bytes each': Math.round(bytes / count),
    'µs each': Number(((seconds * 1e6) / count).toFixed(1)),
    'CPU s per MiB': Number(((seconds * MEBIBYTE) / bytes).toFixed(2)),
  };
}

await measure(MESSAGES['PUBLISH, nobody there']);
const rows = {};
for (const [name, messageOf] of Object.entries(MESSAGES)) rows[name] = await measure(messageOf);
rows['HELLO and GOODBYE'] = await measureSessions('[1,"realm1",{"roles":{"caller":{}}}]', true);
rows['HELLO, no such realm'] = await measureSessions('[1,"a",{"roles":{"caller":{}}}]', false);
console.table(Object.fromEntries(Object.entries(rows).sort(([, a], [, b]) => b['CPU s per MiB'] - a['CPU s per MiB'])));
process.exit(0);
