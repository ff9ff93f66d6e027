import type { SerializerId } from '../../src/wamp/payload.js';
import { createCodecs } from '../../src/codec/codecs.js';
import { serializers } from '../support/serializers.js';
import { describeCodec } from './codec-contract.js';

for (const id of ['json', 'msgpack', 'cbor'] satisfies SerializerId[]) {
  describeCodec(id, (limits) => createCodecs(limits)[id], serializers[id]);
}
