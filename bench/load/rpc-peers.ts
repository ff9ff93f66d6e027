import type { LoadClient } from './client.js';
import { FrameTemplate, framingOf } from './frame-template.js';
import type { Endpoint, Serializer } from './endpoint.js';
import { makePayload } from './payload.js';
import { Session } from './session.js';
import { closingBytes, code, isBinary } from './wamp.js';
import { WebSocketClient } from './websocket.js';

// The name is as long as the registration id that stands in its place in an INVOCATION, so that both frames are of one size.
const procedure = 'com.bench.call';

/** Connects a callee; the URL for the relay has the position of the caller's number in a payload. */
export async function openCallee(
  endpoint: Endpoint,
  serializer: Serializer,
  invoke: 'single' | 'roundrobin',
  payloadBytes: number,
): Promise<LoadClient> {
  if (endpoint.wire === 'relay') {
    const stamp = closingBytes(serializer) + payloadBytes;
    return WebSocketClient.connect(
      `${endpoint.url}/callee?binary=${Number(isBinary(serializer))}&stamp=${stamp}`,
      'relay',
    );
  }
  const session = await Session.join(endpoint, serializer);
  await session.register(procedure, invoke);
  return session.client;
}

export async function openCaller(
  endpoint: Endpoint,
  serializer: Serializer,
  index: number,
  options: object,
  payloadBytes: number,
): Promise<{ client: LoadClient; template: FrameTemplate }> {
  const payload = makePayload(payloadBytes, index);
  const template = new FrameTemplate(
    serializer,
    code.call,
    [options, procedure, [payload]],
    payloadBytes,
    framingOf(endpoint.url),
  );
  const client =
    endpoint.wire === 'relay'
      ? await WebSocketClient.connect(
          `${endpoint.url}/caller?binary=${Number(isBinary(serializer))}&index=${index}`,
          'relay',
        )
      : (await Session.join(endpoint, serializer)).client;
  return { client, template };
}
