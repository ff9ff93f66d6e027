import { fileURLToPath } from 'node:url';
import { BenchError } from './failure.js';
import { readOptions, usage } from './options.js';
import { runBench } from './run.js';

const reports = fileURLToPath(new URL('../../bench/reports', import.meta.url));

// Leaving by `exit` ends the routers, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    console.log(usage);
  } else {
    const hasFailed = await runBench(options, reports, (line) => console.log(line));
    process.exitCode = hasFailed ? 1 : 0;
  }
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
