import type { z } from 'zod';
import { placedEntries, type StaticEntry } from '../auth-entries.js';
import type { PlacedWebSocket } from '../listener-places.js';
import type { realm } from '../schema/realm-schema.js';
import type { CONFIG_SCHEMA } from '../schema.js';

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;
type Listeners = z.output<typeof CONFIG_SCHEMA>['listeners'];
type Auth = NonNullable<z.output<typeof realm>['auth']>;
type TlsPrincipals = StaticEntry<'tls'>['principals'];
type PlacedPrincipals = readonly (readonly [at: Path, principals: TlsPrincipals])[];

/** Whether the header with certificates may be believed. */
export function certificateHeaderIsSound({ at, setting, rules }: PlacedWebSocket, report: Report): void {
  const { clientCertificate, trustProxyHeader, trustedProxies, headersForAuthenticators } = rules;
  const index = headersForAuthenticators.indexOf(clientCertificate?.header ?? '');
  if (index >= 0)
    report(
      [...at, 'headersForAuthenticators', index],
      `Authenticators receive the certificate of ${setting}.clientCertificate`,
    );
  if (clientCertificate === undefined || (trustProxyHeader !== 'none' && trustedProxies !== undefined)) return;
  const message = `Every client could write this header itself: set ${setting}.trustProxyHeader, and name the proxies in ${setting}.trustedProxies`;
  report([...at, 'clientCertificate'], message);
}

/** Where certificates can come from; undefined: that part of the configuration has faults of its own. */
interface Sources {
  readonly webSockets: readonly PlacedWebSocket[] | undefined;
  readonly listeners: Listeners | undefined;
}

/** Whether certificates can lead to the principals. `at`: of the section `auth`. */
export function certificatesAreSound(
  auth: Auth | undefined,
  { webSockets, listeners = [] }: Sources,
  at: Path,
  report: Report,
): void {
  if (auth?.tls === undefined) return;
  const path = [...at, 'tls'];
  const isVerifiedHere = listeners.some((one) => one.type === 'rawsocket' && one.tls?.clientCaFile !== undefined);
  const headers = webSockets?.flatMap(({ rules: { clientCertificate } }) => clientCertificate ?? []);
  if (headers?.length === 0 && !isVerifiedHere)
    report(path, 'No certificate reaches the router: set listen.clientCertificate, or clientCaFile of a listener');
  const placed: PlacedPrincipals = placedEntries(auth).flatMap(({ path: steps, entry }) =>
    steps[0] === 'tls' && entry.type !== 'dynamic'
      ? [[[...at, ...steps, 'principals'], (entry as StaticEntry<'tls'>).principals] as const]
      : [],
  );
  namesAreUnique(placed, report);
  const hasNames = isVerifiedHere || headers?.some(({ format }) => format !== 'sha256') === true;
  if (hasNames || headers === undefined || headers.length === 0) return;
  for (const [where, principals] of placed)
    for (const [authid, { commonName }] of Object.entries(principals))
      if (commonName !== undefined)
        report([...where, authid, 'commonName'], 'clientCertificate.format sha256 of the listener brings no names');
}

function namesAreUnique(placed: PlacedPrincipals, report: Report): void {
  const holders = new Map<string, string>();
  const all = placed.flatMap(([at, principals]) =>
    Object.entries(principals).map(([authid, one]) => [[...at, authid], authid, one] as const),
  );
  for (const [path, authid, { certificateSha256 = [], commonName }] of all) {
    const names = [...certificateSha256, ...(commonName === undefined ? [] : [`CN=${commonName}`])];
    for (const name of new Set(names)) {
      const holder = holders.get(name);
      if (holder !== undefined) report(path, `Its certificate is that of "${holder}" too: ${name}`);
      holders.set(name, authid);
    }
  }
}
