#!/usr/bin/env node
import { ExitCode } from './cli/exit-code.js';
import { run } from './cli/run.js';

// A reader that has seen enough (`gantry config | head`), or a terminal that has gone, is no reason to fail.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  process.exitCode = await run(process.argv.slice(2), {
    environment: process.env,
    print: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
} catch (error) {
  console.error('gantry: this is a bug:', error);
  process.exit(ExitCode.BUG);
}
