import type { z } from 'zod';
import type { realm } from './realm-schema.js';
import type { CONFIG_SCHEMA } from './schema.js';

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;
type Listen = z.output<typeof CONFIG_SCHEMA>['listen'];
type Listeners = z.output<typeof CONFIG_SCHEMA>['listeners'];
type Auth = NonNullable<z.output<typeof realm>['auth']>;
type TlsPrincipals = NonNullable<Auth['tls']>['principals'];

/** Whether the header with certificates may be believed. */
export function certificateHeaderIsSound(listen: Listen, report: Report): void {
  const { clientCertificate, trustProxyHeader, trustedProxies } = listen;
  if (clientCertificate === undefined || (trustProxyHeader !== 'none' && trustedProxies !== undefined)) return;
  const message =
    'Every client could write this header itself: set listen.trustProxyHeader, and name the proxies in listen.trustedProxies';
  report(['listen', 'clientCertificate'], message);
}

/** Where certificates can come from; undefined: that part of the configuration has faults of its own. */
interface Sources {
  readonly listen: Listen | undefined;
  readonly listeners: Listeners | undefined;
}

/** Whether certificates can lead to the principals. `at`: of the section `auth`. */
export function certificatesAreSound(
  auth: Auth | undefined,
  { listen, listeners = [] }: Sources,
  at: Path,
  report: Report,
): void {
  if (auth?.tls === undefined) return;
  const path = [...at, 'tls'];
  const isVerifiedHere = listeners.some(({ tls }) => tls?.clientCaFile !== undefined);
  if (listen !== undefined && listen.clientCertificate === undefined && !isVerifiedHere)
    report(path, 'No certificate reaches the router: set listen.clientCertificate, or clientCaFile of a listener');
  namesAreUnique(auth.tls.principals, [...path, 'principals'], report);
  if (listen?.clientCertificate?.format !== 'sha256' || isVerifiedHere) return;
  for (const [authid, { commonName }] of Object.entries(auth.tls.principals))
    if (commonName !== undefined)
      report([...path, 'principals', authid, 'commonName'], 'listen.clientCertificate.format sha256 brings no names');
}

function namesAreUnique(principals: TlsPrincipals, at: Path, report: Report): void {
  const holders = new Map<string, string>();
  for (const [authid, { certificateSha256 = [], commonName }] of Object.entries(principals)) {
    const names = [...certificateSha256, ...(commonName === undefined ? [] : [`CN=${commonName}`])];
    for (const name of new Set(names)) {
      const holder = holders.get(name);
      if (holder !== undefined) report([...at, authid], `Its certificate is that of "${holder}" too: ${name}`);
      holders.set(name, authid);
    }
  }
}
