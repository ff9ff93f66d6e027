// A client that floods a router until a line comes on standard input: in a process of its own, so that it goes on while its
// router and the other clients work. Arguments: address, `publish` or `call`. Prints `flooding N` with the bytes sent so far,
// and at the end `served`, when the router has answered what came last, or `closed`.
import { connect } from 'node:net';

const MASK = [0x11, 0x22, 0x33, 0x44];
const BLOCK_COUNT = 2_000;
const REPORT_MS = 50;
const ROLES = { publisher: {}, caller: {}, subscriber: {}, callee: {} };
const MESSAGES = { publish: [16, 1, {}, 'a.b'], call: [48, 1, {}, 'a.b'] };
const LAST = [16, 2, { acknowledge: true }, 'a.b'];
const LAST_ANSWER = '[17,2,';

function frame(message) {
  const body = Buffer.from(JSON.stringify(message)).map((byte, index) => byte ^ MASK[index % 4]);
  if (body.length > 65_535) throw new Error('too long for a frame of a flooder');
  const size = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([0x81, 0x80 | size[0], ...size.slice(1), ...MASK]), body]);
}

const [, , address, kind] = process.argv;
const { hostname, port, pathname } = new URL(address);
const socket = connect(Number(port), hostname);
socket.on('error', () => undefined);
// The rest of what is to be sent may never leave.
for (const event of ['end', 'close']) socket.on(event, () => end('closed'));

/** The end of what the router has sent; the rest was read and is not wanted. */
let tail = '';
let onText = () => undefined;
socket.on('data', (bytes) => {
  tail = (tail + bytes.toString('latin1')).slice(-4_096 - bytes.length);
  onText();
});

function received(text) {
  return new Promise((resolve) => {
    onText = () => tail.includes(text) && resolve();
    onText();
  });
}

function end(verdict) {
  process.stdout.write(`${verdict}\n`, () => process.exit(0));
}

let isOver = false;
process.stdin.once('data', () => (isOver = true));

socket.write(
  `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n',
);
await received('\r\n\r\n');
socket.write(frame([1, 'realm1', { roles: ROLES }]));
await received('[2,');

const block = Buffer.concat(Array(BLOCK_COUNT).fill(frame(MESSAGES[kind])));
let sentBytes = 0;
const reports = setInterval(() => process.stdout.write(`flooding ${sentBytes}\n`), REPORT_MS);
while (!isOver) {
  await new Promise((resolve) => socket.write(block, resolve));
  sentBytes += block.length;
}
clearInterval(reports);
socket.write(frame(LAST));
await received(LAST_ANSWER);
end('served');
