import { centrifugo } from './centrifugo.js';
import { CheckedPayload, type ArrivalCheck } from './checked-payload.js';
import type { Endpoint, Serializer, Wire } from './endpoint.js';
import { source, type FanoutWire } from './fanout-wire.js';
import { FrameTemplate, framingOf, type PreparedFrame } from './frame-template.js';
import type { FanoutJob } from './job.js';
import { nats } from './nats.js';
import { makePayload } from './payload.js';
import { Session } from './session.js';
import { argumentBytes, code, encode, isBinary } from './wamp.js';
import { WebSocketClient } from './websocket.js';

const check = ({ payloadBytes }: FanoutJob, serializer: Serializer): ArrivalCheck =>
  new CheckedPayload(serializer, code.event, payloadBytes);

const wamp: FanoutWire = {
  subscribe: async (endpoint, serializer, topic) => {
    const session = await Session.join(endpoint, serializer);
    await session.subscribe(topic);
    return session.client;
  },
  publisher: async (endpoint, job, serializer) => ({
    client: (await Session.join(endpoint, serializer)).client,
    frame: publishFrame(endpoint, job, serializer),
  }),
  check,
};

const relay: FanoutWire = {
  subscribe: ({ url }, serializer) =>
    WebSocketClient.connect(`${url}/subscriber?binary=${Number(isBinary(serializer))}`, 'relay'),
  publisher: async (endpoint, job, serializer) => {
    const query = relayQuery(serializer, makePayload(job.payloadBytes, source));
    return {
      client: await WebSocketClient.connect(`${endpoint.url}/publisher?${query}`, 'relay'),
      frame: publishFrame(endpoint, job, serializer),
    };
  },
  check,
};

export const fanoutWires: Readonly<Record<Wire, FanoutWire>> = { wamp, relay, nats, centrifugo };

function publishFrame({ url }: Endpoint, { topic, payloadBytes }: FanoutJob, serializer: Serializer): PreparedFrame {
  const rest = [{}, topic, [makePayload(payloadBytes, source)]];
  return new FrameTemplate(serializer, code.publish, rest, payloadBytes, framingOf(url));
}

/** Describes an event of that publisher to the relay: a head, then the end of what was published. */
function relayQuery(serializer: Serializer, payload: string): string {
  const id = 2 ** 52 + 1;
  const event = encode(serializer, [code.event, id, id, {}, [payload]]);
  const tail = argumentBytes(serializer, payload);
  const head = event.subarray(0, event.length - tail).toString('hex');
  return `binary=${Number(isBinary(serializer))}&tail=${tail}&head=${head}`;
}
