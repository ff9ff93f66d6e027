import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { abortedFor } from '../support/exchange.js';
import { RawClient } from '../support/raw-client.js';
import { dict } from '../support/spellings.js';
import { messageWith, REFUSED, REWRITTEN } from '../support/unportable.js';
import type { AppClient } from './clients/app-client.js';
import { EventLog, freshUri, join, KINDS, nameOf } from './pairs.js';

const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const BYTES = new Uint8Array([1, 2, 3]);

/** What a hostile client sends must not end the sessions of these libraries, which receive what becomes of it. */
describe.each(KINDS)('a hostile peer of $library $serializer', (kind) => {
  let cluster: TestCluster;
  let victim: AppClient;
  const log = new EventLog();
  const topic = freshUri();
  const errors = freshUri();

  beforeAll(async () => {
    cluster = await startCluster(2);
    victim = await join(kind, cluster.url(0));
    await victim.subscribe(topic, log.add);
  });
  afterAll(() => cluster.stop());

  /** A publication of an honest session comes through the victim's session. */
  async function expectAlive(): Promise<void> {
    const honest = await RawClient.join(cluster.url(1));
    await honest.publishAcknowledged(topic, ['the end']);
    honest.drop();
    for (;;) {
      const [event] = await log.take(1);
      if (event!.args[0] === 'the end') break;
    }
    expect(victim.isOpen(), nameOf(kind)).toBe(true);
  }

  it.each(SERIALIZERS)('survives its payloads in %s', async (serializer) => {
    for (const [id, , args] of REFUSED) {
      if (id !== serializer) continue;
      const hostile = await RawClient.join(cluster.url(1), { serializer });
      hostile.sendBytes(messageWith(serializer, [Code.PUBLISH, 1, dict({}), topic], args));
      await abortedFor(hostile);
    }
    const sloppy = await RawClient.join(cluster.url(1), { serializer });
    for (const [id, , args] of REWRITTEN) {
      if (id !== serializer) continue;
      const request = sloppy.nextRequest();
      sloppy.sendBytes(messageWith(serializer, [Code.PUBLISH, request, dict({}), topic], args));
    }
    sloppy.request(Code.PUBLISH, {}, topic, null, { a: 1 });
    sloppy.request(Code.PUBLISH, { enc_algo: 'cryptobox', enc_key: 'k', enc_serializer: 'json' }, topic, BYTES);
    sloppy.publish(topic, [BYTES], { ppt_scheme: 'x_own', ppt_serializer: 'cbor' });
    await sloppy.fence();
    sloppy.drop();
    await expectAlive();
  });

  it('survives the error URIs of a callee', async () => {
    const callee = await RawClient.join(cluster.url(1));
    await callee.register(errors);
    for (const character of ['\u001c', '\u0085', '\u2028', '\u0001', ' ', '#']) {
      const { result } = victim.call(errors);
      const [, request] = await callee.expect(Code.INVOCATION);
      callee.send([Code.ERROR, Code.INVOCATION, request, {}, `com.a${character}b`]);
      await expect(result).rejects.toThrow('wamp.error.invalid_uri');
    }
    callee.drop();
    await expectAlive();
  });
});
