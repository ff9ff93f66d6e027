// Timeouts of calls: `realm/timer-wheel` against setTimeout of Node.js. Run after `npm run build`, with --expose-gc.
// node --expose-gc bench/micro/timers.mjs [pending] [rounds]
//
// `pending` calls are open; then calls begin and end in turn, as they do under load: each starts a timeout and cancels the
// oldest one. Timeouts are the same for all calls, or chosen by the client from 10,000 values. Rounds alternate.
import { performance } from 'node:perf_hooks';
import { TimerWheel } from '../../dist/realm/timer-wheel.js';

const PENDING = Number(process.argv[2] ?? 100_000);
const ROUNDS = Number(process.argv[3] ?? 7);
const CALLS = 1_000_000;
const CALLS_PER_TURN = 2_000;

const kinds = {
  wheel: () => {
    const wheel = new TimerWheel({ nowMs: () => performance.now() });
    return { after: (delayMs, action) => wheel.after(delayMs, action), stop: () => wheel.stop() };
  },
  setTimeout: () => ({
    after: (delayMs, action) => {
      const timeout = setTimeout(action, delayMs).unref();
      return () => clearTimeout(timeout);
    },
    stop: () => undefined,
  }),
};
const delays = {
  'one timeout': () => 30_000,
  'timeouts of clients': (call) => 30_000 + ((call * 7_919) % 10_000),
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];

async function measure(make, delayOf) {
  const { after, stop } = make();
  const cancels = new Array(PENDING);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  let fired = 0;
  for (let call = 0; call < PENDING; call++) cancels[call] = after(delayOf(call), () => fired++);
  globalThis.gc?.();
  const bytesPerTimer = (process.memoryUsage().heapUsed - heapBefore) / PENDING;
  const startCpuMs = cpuMs();
  let longestMs = 0;
  for (let call = 0; call < CALLS;) {
    const turnCpuMs = cpuMs();
    for (let end = call + CALLS_PER_TURN; call < end; call++) {
      const slot = call % PENDING;
      cancels[slot]();
      cancels[slot] = after(delayOf(call), () => fired++);
    }
    await turn();
    longestMs = Math.max(longestMs, cpuMs() - turnCpuMs);
  }
  const nsPerCall = ((cpuMs() - startCpuMs) * 1e6) / CALLS;
  for (const cancel of cancels) cancel();
  stop();
  await turn();
  return { nsPerCall, bytesPerTimer, longestMs };
}

/** All timeouts pass together: the longest turn until the last has fired. */
async function expire(make) {
  const { after, stop } = make();
  let fired = 0;
  for (let call = 0; call < PENDING; call++) after(50, () => fired++);
  const startMs = performance.now();
  let longestMs = 0;
  for (let last = startMs; fired < PENDING;) {
    await turn();
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - last);
    last = nowMs;
  }
  stop();
  return { longestMs };
}

for (const [delayName, delayOf] of Object.entries(delays)) {
  const results = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [kind, make] of Object.entries(kinds)) results[kind].push(await measure(make, delayOf));
  console.log(`${PENDING} pending, ${delayName}`);
  for (const [kind, rounds] of Object.entries(results)) {
    const of = (key) => median(rounds.map((round) => round[key]));
    console.log(
      `  ${kind.padEnd(12)} ${of('nsPerCall').toFixed(0).padStart(5)} ns CPU per start and cancel, ` +
        `${of('bytesPerTimer').toFixed(0).padStart(4)} B each, longest turn of ${CALLS_PER_TURN} calls ${of('longestMs').toFixed(1)} ms CPU`,
    );
  }
}
console.log(`${PENDING} timeouts that pass together`);
const bursts = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
for (let round = 0; round < ROUNDS; round++)
  for (const [kind, make] of Object.entries(kinds)) bursts[kind].push((await expire(make)).longestMs);
for (const [kind, rounds] of Object.entries(bursts))
  console.log(`  ${kind.padEnd(12)} longest turn ${median(rounds).toFixed(1)} ms CPU`);
