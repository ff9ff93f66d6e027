import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A node as a process. `ready` has its addresses, or undefined if it ended before; `ended` says how it ended. */
export function startNode(name, variables, printLine) {
  const child = spawn(process.execPath, [main, 'start'], {
    env: { ...process.env, ...variables, GANTRY_NODE_NAME: name },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own: Ctrl-C in the terminal is for this program, which sends each node one signal.
    detached: true,
  });
  createInterface(child.stderr).on('line', (line) => printLine(`${name} | ${line}`));
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === null ? signal : code));
  });
  return {
    name,
    pid: child.pid,
    ready: Promise.race([greeting(child.stdout), ended.then(() => undefined)]),
    ended,
    signal: (signal) => void child.kill(signal),
  };
}

/** Resolves with the addresses that a node prints when it is ready: `  WebSocket   ws://…`, `  demo page   http://…`, or all of it as one line of JSON. */
function greeting(stdout) {
  const addresses = {};
  return new Promise((resolve) => {
    createInterface(stdout).on('line', (line) => {
      if (line.startsWith('{')) {
        const { ws, site, ops } = JSON.parse(line);
        const operations = ops && new URL('healthz', ops).href;
        resolve({ WebSocket: ws, 'demo page': site, operations });
        return;
      }
      const [, what, address] = /^ {2}(WebSocket|demo page|operations) +(\S+)/.exec(line) ?? [];
      if (what !== undefined) addresses[what] = address;
      if (line.includes('connection.open()')) resolve(addresses);
    });
  });
}
