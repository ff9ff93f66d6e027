// Nanoseconds per decode and encode, beside what general serializers take for the same message.
// npm run build && node bench/micro/codec.mjs [json|msgpack|cbor]
import { decode as unpack, encode as pack } from '@msgpack/msgpack';
import { decode as uncbor, encode as cbor } from 'cborg';
import { createCodecs } from '../../dist/codec/codecs.js';

const WARM_UP_ROUNDS = 30;
const ROUNDS = 60;
const ROUND_MS = Number(process.env.ROUND_MS ?? 2);
const codecs = createCodecs({ maxDepth: 32, maxContainerEntries: 100_000 });
const oracles = {
  json: { encode: (value) => Buffer.from(JSON.stringify(value)), decode: (bytes) => JSON.parse(bytes.toString()) },
  msgpack: { encode: (value) => pack(value), decode: (bytes) => unpack(bytes) },
  cbor: { encode: (value) => cbor(value, { mapSorter: () => 0 }), decode: (bytes) => uncbor(bytes) },
};
const words = 'the quick brown fox jumps over the lazy dog and runs away '.repeat(20_000);
const nested = Array.from({ length: 20 }, (_, i) => ({ id: i, name: `item ${i}`, price: i * 1.25, tags: ['a', 'b'] }));
const publications = {
  '32 B, acknowledged': [16, 12345, { acknowledge: true }, 'com.bench.topic', [words.slice(0, 32)]],
  '32 B': [16, 123, {}, 'com.bench.topic', [words.slice(0, 32)]],
  '1 KiB text': [16, 123, {}, 'com.bench.topic', [words.slice(0, 1024)]],
  '1 KiB Greek': [16, 123, {}, 'com.bench.topic', ['αβγδ εζηθ '.repeat(56)]],
  '1.3 KiB records': [16, 123, {}, 'com.bench.topic', [nested]],
  '64 KiB text': [16, 123, {}, 'com.bench.topic', [words.slice(0, 65_536)]],
};

/** The best of many short rounds: on a shared machine the least disturbed one says most. */
function nanoseconds(run) {
  let best = Infinity;
  let batch = 16;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS;) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) run();
    const elapsed = Number(process.hrtime.bigint() - start);
    if (elapsed < ROUND_MS * 1e6 && round < 0) batch *= 2;
    if (round++ >= 0) best = Math.min(best, elapsed / batch);
  }
  return Math.round(best);
}

const wanted = process.argv.slice(2);
for (const serializer of Object.keys(codecs).filter((id) => wanted.length === 0 || wanted.includes(id))) {
  const codec = codecs[serializer];
  const oracle = oracles[serializer];
  const rows = {};
  for (const [name, publish] of Object.entries(publications)) {
    const bytes = new Uint8Array(oracle.encode(publish));
    const buffer = Buffer.from(bytes);
    const { payload } = codec.decode(bytes);
    const event = [36, 5_512_315_355, 6_131_533_012_345_678, {}, payload];
    const result = [50, 12345, {}, payload];
    const plainEvent = [...event.slice(0, 4), publish[4]];
    rows[name] = {
      decode: nanoseconds(() => codec.decode(bytes)),
      'oracle decode': nanoseconds(() => oracle.decode(buffer)),
      'encode EVENT': nanoseconds(() => codec.encode(event)),
      'encode RESULT': nanoseconds(() => codec.encode(result)),
      'oracle encode': nanoseconds(() => oracle.encode(plainEvent)),
    };
  }
  console.log(`\n${serializer}, ns`);
  console.table(rows);
}
