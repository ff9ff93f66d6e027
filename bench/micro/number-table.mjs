// Tables of calls by id: `routing/number-table` against a Map, plain and with a secret offset. Run after `npm run build`.
// node bench/micro/number-table.mjs [rounds]
//
// First the way of a call: found, added and ended, with so many pending. Then ids that a client has chosen so that their
// hashes collide in a Map: V8 hashes small integers without a seed.
import { drawHashSeed, NumberTable } from '../../dist/routing/number-table.js';

const ROUNDS = Number(process.argv[2] ?? 7);
const CALLS = 2_000_000;

class OffsetMap {
  #map = new Map();
  #offset = Math.floor(Math.random() * 2 ** 29);
  get size() {
    return this.#map.size;
  }
  get(key) {
    return this.#map.get(key - this.#offset);
  }
  has(key) {
    return this.#map.has(key - this.#offset);
  }
  set(key, value) {
    this.#map.set(key - this.#offset, value);
  }
  delete(key) {
    return this.#map.delete(key - this.#offset);
  }
}

const kinds = {
  NumberTable: () => new NumberTable(drawHashSeed(Math.random)),
  Map: () => new Map(),
  'Map, offset': () => new OffsetMap(),
};

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];

function calls(table, pending, firstId) {
  const value = {};
  let id = firstId;
  for (let call = 0; call < pending; call++) table.set(id++, value);
  let longestMs = 0;
  const startMs = cpuMs();
  for (let done = 0; done < CALLS;) {
    const turnMs = cpuMs();
    for (let end = done + 1_000; done < end; done++) {
      if (table.get(id) !== undefined) throw new Error('unexpected');
      table.set(id, value);
      if (table.get(id - pending) === undefined) throw new Error('missing');
      table.delete(id - pending);
      id++;
    }
    longestMs = Math.max(longestMs, cpuMs() - turnMs);
  }
  return { ns: ((cpuMs() - startMs) * 1e6) / CALLS, longestMs };
}

function compare(title, run) {
  const results = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [kind, make] of Object.entries(kinds)) results[kind].push(run(make()));
  console.log(title);
  for (const [kind, rounds] of Object.entries(results)) {
    const ns = median(rounds.map((round) => round.ns));
    const longestMs = median(rounds.map((round) => round.longestMs));
    console.log(
      `  ${kind.padEnd(12)} ${ns.toFixed(0).padStart(7)} ns CPU per call, longest 1,000 calls ${longestMs.toFixed(2)} ms CPU`,
    );
  }
}

for (const pending of [1, 100, 10_000, 100_000]) {
  compare(`${pending} pending, ids from 1`, (table) => calls(table, pending, 1));
  compare(`${pending} pending, ids from 2^40`, (table) => calls(table, pending, 2 ** 40));
}

/** V8's ComputeUnseededHash of a 32-bit integer, whose lowest bits choose the bucket. */
function v8Hash(key) {
  let hash = key | 0;
  hash = (~hash + (hash << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2_057);
  hash ^= hash >>> 16;
  return hash & 0x3fffffff;
}

const COLLIDING = 20_000;
const colliding = [];
for (let id = 1; colliding.length < COLLIDING; id++) if ((v8Hash(id) & 0xffff) === 0) colliding.push(id);

for (const [kind, make] of Object.entries(kinds)) {
  const table = make();
  const startMs = cpuMs();
  for (const id of colliding) {
    if (table.get(id) !== undefined) throw new Error('unexpected');
    table.set(id, {});
  }
  const ms = cpuMs() - startMs;
  console.log(
    `${COLLIDING} chosen ids: ${kind.padEnd(12)} ${ms.toFixed(1)} ms, ${((ms * 1e6) / COLLIDING).toFixed(0)} ns each`,
  );
}
