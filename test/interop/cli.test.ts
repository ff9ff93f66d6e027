import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.js';
import { isSecret, SETTINGS, VARIABLES } from '../../src/config/settings.js';
import { Code } from '../../src/wamp/codes.js';
import { selfSignedFiles } from '../support/certificate.js';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { handshake, RawHttp } from '../support/raw-http.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('gantry --version, --help', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await gantry(['--version'])).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });
  it('prints how it is used', async () => {
    const { code, stdout } = await gantry(['--help']);
    expect(code).toBe(0);
    for (const word of ['start', 'check', 'config', '--schema', '--env', '--config', '--set'])
      expect(stdout).toContain(word);
  });
});

describe('gantry check', () => {
  it('accepts what can be used, and no configuration at all', async () => {
    const path = file('good.yaml', 'listen: { port: 1 }');
    const usable = 'configuration is usable\n';
    expect(await gantry(['check'])).toEqual({ code: 0, signal: null, stdout: usable, stderr: '' });
    for (const words of [
      ['check', path],
      ['check', '--config', path],
    ]) {
      expect(await gantry(words)).toEqual({ code: 0, signal: null, stdout: `${path}: ${usable}`, stderr: '' });
    }
  });
  it('reads gantry.yaml in the working directory where no file is named, and names it', async () => {
    const directory = mkdtempSync(join(folder, 'cwd-'));
    writeFileSync(join(directory, 'gantry.yaml'), 'listen: { port: 4711 }');
    const { stdout } = await gantry(['check'], {}, directory);
    expect(stdout).toBe('gantry.yaml: configuration is usable\n');
    expect(parse((await gantry(['config'], {}, directory)).stdout)).toMatchObject({ listen: { port: 4711 } });
    const other = file('other.yaml', 'listen: { port: 4712 }');
    const named = await gantry(['config', '--config', other], {}, directory);
    expect(parse(named.stdout)).toMatchObject({ listen: { port: 4712 } });
  });
  it('warns of what can hardly be meant, and accepts it', async () => {
    const path = file('odd.yaml', 'realms: [{ name: a, roles: [{ name: member }] }]');
    const { code, stderr } = await gantry(['check', path]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: realms\[0\]: no client can join realm "a": .*\n$/);
  });
  it('reports every fault at once, and fails', async () => {
    const path = file('bad.yaml', 'listen: { prot: 1, tls: { certFile: a, keyFile: 5 } }');
    expect(await gantry(['check', path, '--ops-port', '99999'], { GANTRY_LOG_LEVEL: 'loud' })).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: [
        'configuration is not usable:',
        `  listen.tls.keyFile: Invalid input: expected string, received number (from ${path})`,
        `  listen: Unrecognized key: "prot", did you mean "port"? (from ${path})`,
        '  ops.port: Too big: expected number to be <=65535 (from --ops-port)',
        '  log.level: Invalid option: expected one of "trace"|"debug"|"info"|"warn"|"error"|"fatal"|"silent" (from GANTRY_LOG_LEVEL)',
        '',
      ].join('\n'),
    });
  });
  it('looks into the TLS files too', async () => {
    const tls = JSON.stringify({ certFile: join(folder, 'absent.pem'), keyFile: file('key.pem', 'junk') });
    const { code, stderr } = await gantry(['check', '--set', `listen.tls=${tls}`]);
    expect(code).toBe(1);
    expect(stderr).toContain('listen.tls.certFile:');
    expect(stderr).toContain('there is no such file');
  });
  it('looks for the folders of the web server too', async () => {
    const path = file('web.yaml', `web: { paths: { /files: { type: static, directory: ${join(folder, 'absent')} } } }`);
    const { code, stderr } = await gantry(['check', path]);
    expect(code).toBe(1);
    expect(stderr).toContain(`web.paths./files: "${join(folder, 'absent')}" is no directory that the router can read`);
  });
});

describe('gantry config', () => {
  it('prints what is in effect, flags over environment over file, secrets masked', async () => {
    const path = file(
      'config.yaml',
      'listen: { port: 1, path: /a, tls: { certFile: c, keyFile: k, passphrase: sesame } }',
    );
    const variables = { GANTRY_CONFIG: path, GANTRY_LISTEN_PORT: '2', GANTRY_OPS_PORT: '3' };
    const { code, stdout } = await gantry(['config', '--port', '4'], variables);
    expect(code).toBe(0);
    const expected = parseConfig({
      listen: { port: 4, path: '/a', tls: { certFile: 'c', keyFile: 'k', passphrase: '********' } },
      ops: { port: 3 },
    });
    expect(parse(stdout)).toEqual(expected);
  });
  it('prints the JSON schema', async () => {
    const { code, stdout } = await gantry(['config', '--schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', additionalProperties: false });
  });
  it('prints every environment variable', async () => {
    const { code, stdout } = await gantry(['config', '--env']);
    expect(code).toBe(0);
    const printed = [...stdout.matchAll(/^#(GANTRY_\w+)=$/gm)].map(([, name]) => name);
    expect(printed.length).toBeGreaterThan(45);
    const files = SETTINGS.filter(isSecret).map(({ variable }) => `${variable}_FILE`);
    expect([...VARIABLES, ...files]).toEqual(expect.arrayContaining(printed));
    expect(printed).toEqual(expect.arrayContaining(files));
  });
  it('does not mind a reader that has seen enough', async () => {
    const reader = new GantryProcess(['config', '--schema']);
    reader.child.stdout.destroy();
    expect(await reader.exit).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('wrong usage', () => {
  it('gets one line, and exits with 2', async () => {
    expect(await gantry(['--prot', '1'])).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: 'gantry: there is no option "--prot", did you mean "--port"?\ntry: gantry --help\n',
    });
  });
});

describe('gantry start', () => {
  const ANY_PORTS = ['--port', '0', '--ops-port', '0'];
  const running: GantryProcess[] = [];
  const clients: RawClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.drop();
    for (const router of running.splice(0)) {
      router.signal('SIGKILL');
      await router.exit;
    }
  });

  function start(...words: string[]): GantryProcess {
    const router = new GantryProcess([...words, ...ANY_PORTS]);
    running.push(router);
    return router;
  }

  async function join(url: string): Promise<RawClient> {
    const client = await RawClient.join(url);
    clients.push(client);
    return client;
  }

  /** Leaves a call unanswered, so that the router has something to wait for. */
  async function leaveCallOpen(url: string): Promise<void> {
    const [callee, caller] = [await join(url), await join(url)];
    await callee.register('com.example.never');
    caller.call('com.example.never');
    await callee.expect(Code.INVOCATION);
  }

  it('runs a router without any configuration, reports where it is, and ends well on SIGTERM', async () => {
    const router = start();
    const url = await router.ready();
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/ws$/);
    const client = await join(url);
    expect(client.session).toBeGreaterThan(0);
    const [, page = ''] = await router.printed('stdout', /demo page +(\S+)\n/);
    expect(await (await fetch(page)).text()).toMatch(/<html/i);
    const [, health = ''] = await router.printed('stdout', /operations +(\S+)/);
    expect((await fetch(health)).status).toBe(200);
    router.signal('SIGTERM');
    expect((await client.closed).code).toBe(1012);
    expect(client.unread).toEqual([]);
    const { code, stdout, stderr } = await router.exit;
    expect(code).toBe(0);
    expect(stdout).not.toContain('"level"');
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg),
    ).toEqual(expect.arrayContaining(['config.loaded', 'node.started', 'node.signal', 'node.stopped']));
  });

  it('counts the lines of its log', async () => {
    const router = start();
    await router.ready();
    const [, health = ''] = await router.printed('stdout', /operations +(\S+)/);
    const page = await (await fetch(new URL('/metrics', health))).text();
    expect(Number(/^gantry_log_lines_total\{fate="written"\} (\d+)$/m.exec(page)?.[1])).toBeGreaterThan(0);
  });

  it('has a metric of when its certificate expires', async () => {
    const files = selfSignedFiles();
    onTestFinished(() => files.remove());
    const tls = { certFile: files.certFile, keyFile: files.keyFile };
    const router = start('--set', `listen.tls=${JSON.stringify(tls)}`);
    const [, health = ''] = await router.printed('stdout', /operations +(\S+)/);
    const page = await (await fetch(new URL('/metrics', health))).text();
    const [, seconds] = /^gantry_certificate_expiry_timestamp_seconds (\S+)$/m.exec(page) ?? [];
    expect(Number(seconds)).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1_000);
  });

  it('logs which file it was configured from', async () => {
    const path = file('named.yaml', 'limits: { maxSessions: 5 }');
    const router = start('--config', path);
    await router.ready();
    const lines = (await router.printed('stderr', /^.*config\.loaded.*$/m))[0];
    expect(JSON.parse(lines)).toMatchObject({ level: 'info', msg: 'config.loaded', file: path });
  });

  it('ends well on SIGINT too, the command named', async () => {
    const router = start('start', '--log-level', 'silent');
    await router.ready();
    router.signal('SIGINT');
    expect(await router.exit).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends at once on a second signal', async () => {
    const router = start();
    await leaveCallOpen(await router.ready());
    router.signal('SIGTERM');
    await router.printed('stderr', /node\.draining/);
    router.signal('SIGTERM');
    const { code, stderr } = await router.exit;
    expect(code).toBe(1);
    expect(stderr).toContain('second signal: ending at once');
  });

  it('ends at its deadline, whatever is in flight, and reports it', async () => {
    const router = start('--set', 'drain.deadlineMs=200', '--set', 'drain.periodMs=0');
    await leaveCallOpen(await router.ready());
    router.signal('SIGTERM');
    const { code, stderr } = await router.exit;
    expect(code).toBe(1);
    expect(stderr).toContain('node.drain_deadline_passed');
  });

  it('goes on when nobody reads what it prints', async () => {
    const router = start();
    router.child.stdout.destroy();
    const [, url = ''] = await router.printed('stderr', /"url":"(ws:[^"]+)","msg":"node\.started"/);
    expect((await join(url)).session).toBeGreaterThan(0);
    router.signal('SIGTERM');
    expect((await router.exit).code).toBe(0);
  });

  it('logs what nobody caught and exits with 70, thrown or rejected', async () => {
    for (const bug of ['throw new Error("boom")', 'Promise.reject(new Error("boom"))']) {
      const hook = `data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2", () => { ${bug} })`)}`;
      const router = new GantryProcess(ANY_PORTS, { NODE_OPTIONS: `--import=${hook}` });
      running.push(router);
      await router.ready();
      router.signal('SIGUSR2');
      const { code, stderr } = await router.exit;
      expect(code).toBe(70);
      const last = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
      expect(last).toMatchObject({ level: 'fatal', msg: 'node.failed', error: { message: 'boom' } });
    }
  });

  it('reports in one line that a port is in use, and fails', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      for (const words of [
        ['--port', String(port), '--ops-port', '0'],
        ['--port', '0', '--ops-port', String(port)],
      ]) {
        expect(await gantry([...words, '--log-level', 'silent'])).toEqual({
          code: 1,
          signal: null,
          stdout: '',
          stderr: `gantry: cannot start: cannot listen on 127.0.0.1:${port}: the port is in use\n`,
        });
      }
    } finally {
      holder.close();
    }
  });

  it('refuses a configuration with faults before anything is started', async () => {
    const { code, stdout, stderr } = await gantry(['start', '--config', '/absent.yaml', ...ANY_PORTS]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('configuration is not usable:\n  /absent.yaml: cannot be read: there is no such file\n');
  });
});

describe('a native library that does not load', () => {
  it('is one sentence with what to do', async () => {
    const strange = file(
      'strange.cjs',
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, modules: '999' } });\n" +
        "require('node:module')._load = ((load) => (name, ...rest) => {\n" +
        "  if (name.startsWith('uWebSockets.js')) throw new Error(`no binary in ${name}`);\n" +
        '  return load(name, ...rest);\n})(require("node:module")._load);\n',
    );
    const { code, stdout, stderr } = await gantry(['start', '--port', '0', '--ops-port', '0'], {
      NODE_OPTIONS: `--require ${strange}`,
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^gantry: cannot start: the library uWebSockets\.js does not load with Node\.js \d+.*\n$/);
    expect(stderr).toMatch(/glibc .*use Node\.js 22, 24 or 26 .* or Node\.js 20 or 22 .*npm ci/);
    expect(stderr).toContain('(no binary in uWebSockets.js; no binary in uWebSockets.js-20.69)');
  });
});

describe('GANTRY_DEFAULTS', () => {
  it('names settings that everything else outranks', async () => {
    const defaults = file('image.yaml', 'listen: { host: 0.0.0.0, port: 1234 }\nops: { host: 0.0.0.0 }');
    const path = file('mounted.yaml', 'listen: { host: 127.0.0.1 }');
    const { stdout } = await gantry(['config', '--config', path], { GANTRY_DEFAULTS: defaults, GANTRY_OPS_PORT: '99' });
    expect(parse(stdout)).toMatchObject({
      listen: { host: '127.0.0.1', port: 1234 },
      ops: { host: '0.0.0.0', port: 99 },
    });
  });
  it('is what the image has, and no variable for a setting', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    expect([...dockerfile.matchAll(/GANTRY_[A-Z_]+(?==)/g)].map(([name]) => name)).toEqual(['GANTRY_DEFAULTS']);
    const image = parse(readFileSync(new URL('../../deploy/image.yaml', import.meta.url), 'utf8'));
    expect(parseConfig(image)).toMatchObject({ listen: { host: '0.0.0.0' }, ops: { host: '0.0.0.0' } });
  });
});

describe('signals that end or debug other processes', () => {
  it('reads its configuration again on SIGHUP, changes nothing on SIGUSR1 and SIGUSR2, and logs all', async () => {
    const router = new GantryProcess(['start', '--port', '0', '--ops-port', '0']);
    const url = await router.ready();
    router.signal('SIGHUP');
    await router.printed('stderr', /SIGHUP.*reads its configuration again/);
    await router.printed('stderr', /nothing to change.*config\.reloaded/);
    router.signal('SIGUSR1');
    await router.printed('stderr', /SIGUSR1.*ignored/);
    router.signal('SIGUSR2');
    await router.printed('stderr', /SIGUSR2.*ignored/);
    const client = await RawClient.connect(url);
    await client.hello();
    await client.close();
    router.signal('SIGTERM');
    const { code, stderr } = await router.exit;
    expect(code).toBe(0);
    expect(stderr).not.toContain('Debugger');
  });
});

describe('too few descriptors', () => {
  it('serves as many connections as fit, answers the others, and reports it', async () => {
    const router = new GantryProcess(['start', '--port', '0', '--ops-port', '0'], {}, undefined, [
      'sh',
      '-c',
      'ulimit -n 128; exec "$0" "$@"',
    ]);
    const url = new URL(await router.ready());
    await router.printed('stderr', /descriptors\.limited/);
    const clients = Array.from({ length: 300 }, () => new RawHttp(Number(url.port), handshake()));
    const statuses = await Promise.all(clients.map((client) => client.until('\r\n\r\n').catch(() => '')));
    const served = statuses.filter((reply) => reply.startsWith('HTTP/1.1 101'));
    expect(served.length).toBeGreaterThan(40);
    expect(served.length).toBeLessThan(128);
    for (const { socket } of clients) socket.destroy();
    router.signal('SIGTERM');
    expect((await router.exit).stderr).not.toContain('descriptors.exhausted');
  });
});
