import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { joinBatch } from '../../../src/codec/batch.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import type { PeerSocket } from '../../support/uws-scene.js';
import type { RecordingListener } from '../../support/listening.js';

export interface ConnectionPair {
  readonly peer: PeerSocket;
  readonly listener: RecordingListener;
}

export interface ConnectionScene {
  /** Sends what the transport of a JSON client does not allow. */
  breakRules(peer: PeerSocket): void;
  connect(subprotocol?: string): Promise<ConnectionPair>;
  close(): Promise<void>;
}

export interface ConnectionSceneOptions {
  readonly maxUnsentBytes?: number;
  readonly maxMessageBytes?: number;
}

const KINDS: readonly (readonly [SerializerId, boolean])[] = [
  ['json', false],
  ['msgpack', false],
  ['cbor', false],
  ['json', true],
  ['msgpack', true],
  ['cbor', true],
];

/** What a transport can express. */
export interface TransportMeans {
  /** Sub-protocols with several messages in one (BAT-1). */
  readonly hasBatches: boolean;
  /** The peer learns why the connection was closed, and messages are text or binary. */
  readonly hasCloseCodes: boolean;
  /** How logs name the peer; absent: by its address. */
  readonly peer?: string;
}

/** What every Connection promises, whatever carries it. */
export function describeConnection(
  name: string,
  open: (options: ConnectionSceneOptions) => Promise<ConnectionScene>,
  { hasBatches, hasCloseCodes, peer: remoteAddress = '127.0.0.1' }: TransportMeans = {
    hasBatches: true,
    hasCloseCodes: true,
  },
): void {
  const closing = (code: number, reason: string) => (hasCloseCodes ? { code, reason } : { code: 1005, reason: '' });
  describe(`connection contract: ${name}`, () => {
    let scene: ConnectionScene;
    const reopen = async (options: ConnectionSceneOptions): Promise<void> => {
      await scene.close();
      scene = await open(options);
    };
    beforeEach(async () => {
      scene = await open({});
    });
    afterEach(() => scene.close());

    describe.each(KINDS.filter(([, isBatched]) => hasBatches || !isBatched))(
      '%s, batched: %s',
      (serializer, isBatched) => {
        const subprotocol = `wamp.2.${serializer}${isBatched ? '.batched' : ''}`;

        it('carries whole messages in order, both ways (ORD-1)', async () => {
          const { peer, listener } = await scene.connect(subprotocol);
          const messages = numbered(500);
          for (const message of messages) peer.send(frame(serializer, isBatched, [message]));
          await listener.until(({ texts }) => texts.length === 500);
          expect(listener.texts).toEqual(messages);

          for (const message of messages) listener.connection.write(Buffer.from(message));
          await peer.until((self) => arrived(self, serializer, isBatched).length === 500);
          expect(arrived(peer, serializer, isBatched)).toEqual(messages);
          expect(peer.frames.every(({ isBinary }) => isBinary === (serializer !== 'json'))).toBe(true);
        });

        it('reports its traits', async () => {
          const { listener } = await scene.connect(subprotocol);
          expect(listener.connection).toMatchObject({ serializer, isBatched, remoteAddress });
        });

        it('sends what was written before close, then closes, and ignores what is written after', async () => {
          const { peer, listener } = await scene.connect(subprotocol);
          listener.connection.write(Buffer.from('first'));
          listener.connection.write(Buffer.from('last'));
          listener.connection.close('goodbye');
          listener.connection.write(Buffer.from('after'));
          expect(await peer.closed).toEqual(closing(1000, 'goodbye'));
          expect(arrived(peer, serializer, isBatched)).toEqual(['first', 'last']);
        });
      },
    );

    if (hasBatches) {
      it('puts all messages of a turn into one message of a batched sub-protocol (BAT-4)', async () => {
        const { peer, listener } = await scene.connect('wamp.2.json.batched');
        for (const message of ['a', 'b', 'c']) listener.connection.write(Buffer.from(message));
        await peer.until(({ frames }) => frames.length > 0);
        expect(peer.texts).toEqual(['a\x1eb\x1ec\x1e']);
      });

      it('frames a single message as a batch of one (BAT-3)', async () => {
        const { peer, listener } = await scene.connect('wamp.2.msgpack.batched');
        listener.connection.write(Buffer.from('abc'));
        await peer.until(({ frames }) => frames.length > 0);
        expect(peer.frames[0]?.bytes).toEqual(Buffer.from([0, 0, 0, 3, 97, 98, 99]));
      });

      it('hands up each message of a batch by itself (BAT-1)', async () => {
        const { peer, listener } = await scene.connect('wamp.2.cbor.batched');
        peer.send(frame('cbor', true, ['one', 'two', 'three']));
        await listener.until(({ texts }) => texts.length === 3);
        expect(listener.texts).toEqual(['one', 'two', 'three']);
      });
    }

    it('gives bytes that stay as they are', async () => {
      const { peer, listener } = await scene.connect('wamp.2.json');
      const messages = [...numbered(2_000), 'x'.repeat(100_000), ...numbered(2_000)];
      for (const message of messages) peer.send(message);
      await listener.until(({ events }) => events.length === messages.length);
      expect(listener.texts).toEqual(messages);
    });

    it('carries messages of the maximal size', async () => {
      const { peer, listener } = await scene.connect('wamp.2.msgpack');
      const large = Buffer.alloc(1_048_576, 7);
      peer.send(large);
      await listener.until(({ events }) => events.length === 1);
      const [event] = listener.events;
      expect(event?.kind === 'received' && Buffer.compare(event.message, large)).toBe(0);
      listener.connection.write(large);
      await peer.until(({ frames }) => frames.length === 1);
      expect(Buffer.compare(peer.frames[0]!.bytes, large)).toBe(0);
    });

    it('counts as unsent what is written, and nothing once it was sent', async () => {
      const { peer, listener } = await scene.connect();
      expect(listener.connection.unsentBytes()).toBe(0);
      listener.connection.write(Buffer.from('abc'));
      expect(listener.connection.unsentBytes()).toBe(3);
      await peer.until(({ texts }) => texts.length === 1);
      // With TLS the system reports later that it has taken the bytes.
      await vi.waitFor(() => expect(listener.connection.unsentBytes()).toBe(0));
    });

    it('reports closed once when the peer goes, and ignores writes from then on', async () => {
      const { peer, listener } = await scene.connect();
      peer.socket.close(1000);
      await listener.until(({ isClosed }) => isClosed);
      listener.connection.write(Buffer.from('late'));
      listener.connection.close('goodbye');
      expect(listener.connection.unsentBytes()).toBe(0);
      await fence(scene);
      expect(listener.events).toEqual([{ kind: 'closed' }]);
    });

    it('reports closed once when the peer vanishes without a word', async () => {
      const { peer, listener } = await scene.connect();
      peer.socket.terminate();
      await listener.until(({ isClosed }) => isClosed);
      await fence(scene);
      expect(listener.events).toEqual([{ kind: 'closed' }]);
    });

    it('reports closed once after close, never from within it; a second close changes nothing', async () => {
      const { peer, listener } = await scene.connect();
      listener.connection.close('shutdown');
      listener.connection.close('protocol_violation');
      expect(listener.isClosed).toBe(false);
      expect(await peer.closed).toEqual(closing(1001, 'the router shuts down'));
      await listener.until(({ isClosed }) => isClosed);
      listener.connection.close('goodbye');
      await fence(scene);
      expect(listener.events).toEqual([{ kind: 'closed' }]);
    });

    it('receives nothing once closed from this side (SES-11, SES-12)', async () => {
      const { peer, listener } = await scene.connect();
      listener.onReceived = () => listener.connection.close('goodbye');
      for (const message of ['goodbye', 'x', 'y', 'z']) peer.send(message);
      await peer.closed;
      expect(listener.texts).toEqual(['goodbye']);
    });

    it('answers what is malformed before it closes, and reads nothing more (PV-7)', async () => {
      const { peer, listener } = await scene.connect('wamp.2.json');
      listener.onMalformed = () => listener.connection.write(Buffer.from('ABORT'));
      scene.breakRules(peer);
      peer.send('text');
      expect(await peer.closed).toEqual(closing(1002, 'protocol violation'));
      expect(peer.texts).toEqual(['ABORT']);
      expect(listener.events.map(({ kind }) => kind)).toEqual(['malformed', 'closed']);
    });

    it('closes a reader that does not keep up; nobody else waits or loses anything (G7)', async () => {
      await reopen({ maxUnsentBytes: 262_144 });
      const slow = await scene.connect('wamp.2.msgpack');
      const fast = await scene.connect('wamp.2.msgpack');
      slow.peer.pause();
      const chunk = randomBytes(32_768);
      let written = 0;
      while (!slow.listener.isClosed) {
        slow.listener.connection.write(chunk);
        fast.listener.connection.write(chunk);
        written++;
        await fast.peer.until(({ frames }) => frames.length === written);
        expect(slow.listener.connection.unsentBytes()).toBeLessThan(262_144 + 3 * chunk.length);
      }
      await fence(scene);
      expect(slow.listener.events).toEqual([{ kind: 'closed' }]);
      expect(fast.listener.events).toEqual([]);
    });

    it('bounds what one turn can queue for a reader that is not reading', async () => {
      await reopen({ maxUnsentBytes: 262_144 });
      const { peer, listener } = await scene.connect('wamp.2.msgpack');
      peer.pause();
      const chunk = randomBytes(32_768);
      let highest = 0;
      for (let index = 0; index < 1_000; index++) {
        listener.connection.write(chunk);
        highest = Math.max(highest, listener.connection.unsentBytes());
      }
      // Never from within write: the caller may be in the middle of a loop over connections.
      expect(listener.isClosed).toBe(false);
      expect(highest).toBeLessThan(262_144 + 3 * chunk.length);
      await listener.until(({ isClosed }) => isClosed);
    });

    it('sends all that was written before close to a reader that is slow but reads', async () => {
      const { peer, listener } = await scene.connect();
      peer.pause();
      const messages = Array.from({ length: 40 }, (_, index) => Buffer.alloc(65_536, index));
      for (const message of messages) listener.connection.write(message);
      listener.connection.close('goodbye');
      setImmediate(() => peer.resume());
      expect(await peer.closed).toMatchObject({ code: closing(1000, '').code });
      expect(peer.frames.map(({ bytes }) => bytes[0])).toEqual(messages.map(([first]) => first));
    });
  });

  /** What was under way when this was called has happened when it resolves. */
  async function fence(scene: ConnectionScene): Promise<void> {
    const { peer, listener } = await scene.connect('wamp.2.json');
    peer.send('fence');
    await listener.until(({ texts }) => texts.length === 1);
    listener.connection.write(Buffer.from('fence'));
    await peer.until(({ texts }) => texts.length === 1);
  }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `message ${index}`);
}

function frame(serializer: SerializerId, isBatched: boolean, messages: readonly string[]): string | Uint8Array {
  const parts = messages.map((message) => Buffer.from(message));
  const bytes = isBatched ? Buffer.from(joinBatch(serializer, parts)) : Buffer.concat(parts);
  return serializer === 'json' ? bytes.toString() : bytes;
}

function arrived(peer: PeerSocket, serializer: SerializerId, isBatched: boolean): string[] {
  if (!isBatched) return peer.texts;
  if (serializer === 'json') return peer.texts.flatMap((text) => text.split('\x1e').slice(0, -1));
  return peer.frames.flatMap(({ bytes }) => {
    const messages: string[] = [];
    for (let pos = 0; pos < bytes.length;) {
      const length = bytes.readUInt32BE(pos);
      messages.push(bytes.toString('utf8', pos + 4, pos + 4 + length));
      pos += 4 + length;
    }
    return messages;
  });
}
