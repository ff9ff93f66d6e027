import { isDict } from '../../../wamp/dict.js';
import { isId, type NodeId, type SessionId, type Uri } from '../../../wamp/ids.js';
import type { Dict } from '../../../wamp/options.js';
import { pack, unpack } from '../../packr.js';
import type { SessionDetails, SessionRow } from '../../session-row.js';
import type { RowFlaw } from '../ports.js';

const FORMAT = 1;
const MAX_ROW_BYTES = 262_144;
/** Bound of the texts of a transport that clients and proxies choose. */
const MAX_TEXT_LENGTH = 255;

/** Packs the row of a session that `scripts/lua/shared/session.lua` describes. */
export function packSession(node: NodeId, joinedAtMs: number, session: SessionDetails): Uint8Array {
  const { authid, authrole, authmethod, authprovider, authextra, transport } = session;
  const { type, protocol, serializer, peer } = transport;
  const texts = [type, protocol, serializer, peer].map((text) => text.slice(0, MAX_TEXT_LENGTH));
  const extra = authextra === undefined ? null : packExtra(authextra);
  const row = [FORMAT, node, authid, authrole, authmethod, authprovider, joinedAtMs, texts, extra];
  return packed(row, `the row of session ${session.session}`);
}

export function parseSession(realm: Uri, session: unknown, bytes: Uint8Array): SessionRow | RowFlaw {
  const row = bytes.byteLength > MAX_ROW_BYTES ? undefined : unpack(bytes);
  if (!isId(session) || !Array.isArray(row) || !Number.isSafeInteger(row[0])) return 'shape';
  const [format, node, authid, authrole, authmethod, authprovider, joinedAtMs, transport, extra] = row as unknown[];
  if (format !== FORMAT) return 'version';
  if (!isText(node) || !isText(authid) || !isText(authrole) || !isText(authmethod) || !isText(authprovider))
    return 'shape';
  if (typeof joinedAtMs !== 'number' || !Array.isArray(transport)) return 'shape';
  const [type, protocol, serializer, peer] = transport as unknown[];
  if (!isText(type) || !isText(protocol) || !isText(serializer) || !isText(peer)) return 'shape';
  const authextra = isText(extra) ? unpack(Buffer.from(extra, 'base64')) : undefined;
  // Earlier releases end the row before it.
  const hasExtra = extra !== null && extra !== undefined;
  if (hasExtra && !isDict(authextra)) return 'shape';
  return {
    session: session as SessionId,
    realm,
    node: node as NodeId,
    authid,
    authrole,
    authmethod,
    authprovider,
    ...(isDict(authextra) && { authextra }),
    joinedAtMs,
    transport: { type, protocol, serializer, peer },
  };
}

/** Packs the row of testaments that `scripts/lua/set_testaments.lua` describes. */
export function packTestaments(testaments: readonly Uint8Array[]): Uint8Array {
  return packed([FORMAT, testaments], 'testaments of a session');
}

export function parseTestaments(bytes: Uint8Array): readonly Uint8Array[] | RowFlaw {
  const row = unpack(bytes);
  if (!Array.isArray(row) || !Number.isSafeInteger(row[0])) return 'shape';
  const [format, testaments] = row as unknown[];
  if (format !== FORMAT) return 'version';
  const isList = Array.isArray(testaments) && testaments.every((one) => one instanceof Uint8Array);
  return isList ? testaments : 'shape';
}

/** Encodes the authextra as text: scripts read rows with cmsgpack, which knows neither bytes nor the extensions that an authextra may hold. */
function packExtra(authextra: Dict): string {
  return Buffer.from(packed(authextra, 'the authextra of a session')).toString('base64');
}

function packed(value: unknown, what: string): Uint8Array {
  const bytes = pack(value);
  if (bytes instanceof Uint8Array) return bytes;
  throw new Error(`${what}: ${bytes.message}`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
