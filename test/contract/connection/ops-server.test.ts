import { Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { OpsServer, type Readiness } from '../../../src/transport/ops-server.js';
import { RecordingLogger } from '../../support/recording-logger.js';

/** The server of this process that listens there: the test emits the events that the operating system would cause. */
function listenerAt(port: number): Server {
  for (const handle of (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles()) {
    if (!(handle instanceof Server)) continue;
    const address = handle.address();
    if (typeof address === 'object' && address?.port === port) return handle;
  }
  throw new Error(`nobody listens at ${port}`);
}

describe('operations endpoint', () => {
  const none = () => 0;
  const gauges = {
    connections: none,
    sockets: none,
    pendingSockets: none,
    maxSockets: none,
    sessions: none,
    subscriptions: none,
    registrations: none,
    pendingCalls: none,
    abandonedInvocations: none,
    realms: none,
    unsentBytes: none,
    receiveBufferBytes: none,
    narrowedConnections: none,
    inboxBytes: none,
    inboxMessages: none,
    waitingHandshakes: none,
    longPollTransports: none,
    longPollWaiting: none,
    heldBytes: none,
    testamentBytes: none,
  };
  let log: RecordingLogger;
  let readiness: Readiness;
  let server: OpsServer;
  let base: string;
  let port: number;

  beforeEach(async () => {
    log = new RecordingLogger();
    readiness = { ready: true };
    const counters = createCounters();
    counters.connectionsOpened.json = 3;
    const metrics = createMetrics(counters, gauges);
    server = new OpsServer({ host: '127.0.0.1', port: 0 }, { isReady: () => readiness, metrics }, log);
    ({ port } = await server.start());
    base = `http://127.0.0.1:${port}`;
  });
  afterEach(() => server.stop());

  it('is alive while the process lives', async () => {
    const response = await fetch(`${base}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'alive' });
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  });

  it('outlives a connection that cannot be accepted', async () => {
    const cause = new Error('accept ENOMEM');
    listenerAt(port).emit('error', cause);
    expect(log.of('ops.request_failed')).toMatchObject([{ level: 'error', fields: { error: cause } }]);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  it('is ready when the node reports it, and else names the reason', async () => {
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    readiness = { ready: false, reason: 'draining' };
    const response = await fetch(`${base}/readyz?verbose`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not ready', reason: 'draining' });
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  it('shows the metrics in the text format of Prometheus', async () => {
    const response = await fetch(`${base}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('gantry_connections_opened_total{serializer="json"} 3\n');
  });

  it('answers HEAD without a body and other methods with 405', async () => {
    const head = await fetch(`${base}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`${base}/metrics`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('answers 404 with what there is', async () => {
    const response = await fetch(`${base}/metricz`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ paths: ['/healthz', '/readyz', '/metrics'] });
  });

  it('answers 500 when metrics cannot be collected, and lives on', async () => {
    const broken = new OpsServer(
      { host: '127.0.0.1', port: 0 },
      { isReady: () => readiness, metrics: { contentType: 'text/plain', page: () => Promise.reject(new Error('no')) } },
      silentLogger,
    );
    const { port: brokenPort } = await broken.start();
    expect((await fetch(`http://127.0.0.1:${brokenPort}/metrics`)).status).toBe(500);
    expect((await fetch(`http://127.0.0.1:${brokenPort}/healthz`)).status).toBe(200);
    await broken.stop();
  });

  it('reports that a port is in use', async () => {
    const second = new OpsServer(
      { host: '127.0.0.1', port },
      { isReady: () => readiness, metrics: { contentType: '', page: () => Promise.resolve('') } },
      silentLogger,
    );
    await expect(second.start()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `cannot listen on 127.0.0.1:${port}: the port is in use`,
    });
    await second.stop();
  });

  it('stops at once, also with a connection kept open, and again', async () => {
    await fetch(`${base}/healthz`);
    await server.stop();
    await server.stop();
    await expect(fetch(`${base}/healthz`)).rejects.toThrow();
  });
});
