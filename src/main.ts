#!/usr/bin/env node
import { inspect } from 'node:util';
import { secretReader } from './cli/credentials/read-secret.js';
import { patientOutput } from './cli/standard-output.js';
import { ExitCode } from './cli/exit-code.js';
import { run } from './cli/run.js';
import { standardError } from './telemetry/standard-error.js';

// A reader that has seen enough (`gantry config | head`), or a terminal that has gone, is no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  standardError().write(`gantry: cannot write to standard output: ${error.message}\n`);
  process.exitCode = ExitCode.FAILED;
});
// Only Node.js itself writes here: its warnings.
process.stderr.on('error', () => undefined);

try {
  process.exitCode = await run(process.argv.slice(2), {
    environment: process.env,
    print: (text) => process.stdout.write(text),
    printError: (text) => standardError().write(text),
    input: () => process.stdin,
    output: patientOutput(process.stdout),
    readSecret: secretReader(
      () => process.stdin,
      (text) => standardError().write(text),
    ),
  });
} catch (error) {
  standardError().write(`gantry: this is a bug: ${inspect(error)}\n`);
  process.exit(ExitCode.BUG);
}
