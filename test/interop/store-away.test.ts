import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { startNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { cleanups } from '../support/cluster.js';
import { until } from '../support/endings.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { startRedis } from '../support/redis.js';
import { autobahnConnection } from './clients/autobahn-client.js';
import { wampy } from './clients/wampy-client.js';

const later = cleanups();

it('client libraries come in by themselves when the store is back that was away (G6)', async () => {
  const redis = await startRedis();
  later(() => redis.stop());
  const config = parseConfig({
    listen: { port: 0 },
    ops: { enabled: false },
    backplane: { url: redis.url },
    limits: { handshakeTimeoutMs: 1_000 },
  });
  const node = await startNode(config, { logger: silentLogger });
  later(() => node.stop());
  // Not the store, but what stands between clients and the node: it can cut them off.
  const way = await startFaultProxy(Number(new URL(node.addresses.ws).port));
  later(() => way.stop());
  const url = new URL(node.addresses.ws);
  url.port = String(way.port);

  let wampyCount = 0;
  const onReconnectSuccess = (): void => {
    wampyCount++;
  };
  const returning = wampy(url.href, 'json', { onReconnectSuccess, reconnectInterval: 300 });
  later(() => returning.disconnect());
  await returning.connect();

  await redis.kill();
  const before = refusals();
  let autobahnCount = 0;
  const first = autobahnConnection(url.href, 'json', {
    initial_retry_delay: 0.2,
    max_retry_delay: 0.5,
    max_retries: -1,
  });
  first.onopen = () => {
    autobahnCount++;
  };
  first.onclose = () => false;
  later(() => first.close());
  first.open();
  way.reset();
  // Both have tried, and were sent away; whether before or after HELLO depends on when the node noticed.
  await until(() => refusals() >= before + 4);
  expect([wampyCount, autobahnCount]).toEqual([0, 0]);
  expect(node.counters.connectionsClosed.abort).toBe(0);

  await redis.start();
  await until(() => wampyCount > 0 && autobahnCount > 0);

  function refusals(): number {
    const { sessionsRefused, connectionsRefused } = node.counters;
    return sessionsRefused.all + Object.values(connectionsRefused).reduce((sum, count) => sum + count, 0);
  }
});
