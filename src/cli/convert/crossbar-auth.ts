import { Section } from './report.js';
import type { ConvertedRealm } from './crossbar-realms.js';

type Fields = Readonly<Record<string, unknown>>;

/** One method of a transport, as it counts in one realm. */
interface Method {
  readonly name: string;
  /** The fields in Gantry; undefined: none are left for this realm. */
  fieldsFor(realm: ConvertedRealm): Fields | undefined;
}

/** Methods with principals. */
type PrincipalMethod = 'ticket' | 'wampcra' | 'scram' | 'cryptosign' | 'tls';

export interface ConvertedAuth {
  anonymousRoleFor(realm: ConvertedRealm): string | null;
  fieldsFor(realm: ConvertedRealm): Fields | undefined;
  readonly hasCookie: boolean;
  /** A realm has the method `tls`. */
  readonly hasCertificates: boolean;
}

interface Principal {
  readonly authid: string;
  readonly path: string;
  readonly role: string;
  /** Undefined: every realm that has the role. */
  readonly realm: string | undefined;
  readonly fields: Fields;
}

/**
 * Without `auth` every client is anonymous; with it, only where it has `anonymous`. `certificates`: SHA-256 fingerprints by SHA-1
 * fingerprints.
 */
export function convertAuth(
  auth: Section | undefined,
  realms: readonly ConvertedRealm[],
  certificates: ReadonlyMap<string, string>,
): ConvertedAuth {
  if (auth === undefined)
    return {
      anonymousRoleFor: (realm) => (hasRole(realm, 'anonymous') ? 'anonymous' : null),
      fieldsFor: () => undefined,
      hasCookie: false,
      hasCertificates: false,
    };
  const methods: Method[] = [];
  const anonymous = auth.section('anonymous');
  const anonymousRole = anonymous === undefined ? undefined : convertAnonymous(anonymous, realms, methods);
  for (const name of ['ticket', 'wampcra', 'scram', 'cryptosign', 'tls'] as const) {
    const section = auth.section(name);
    const method = section === undefined ? undefined : convertMethod(section, name, realms, certificates);
    if (method !== undefined) methods.push(method);
  }
  const hasCookie = auth.section('cookie') !== undefined;
  if (hasCookie) methods.push({ name: 'cookie', fieldsFor: () => ({}) });
  auth.leaveSecurity(
    'proxy workers do not exist: a node authenticates by itself',
    'anonymous-proxy',
    'cryptosign-proxy',
  );
  auth.end(true);
  return {
    hasCookie,
    hasCertificates: methods.some(
      (method) => method.name === 'tls' && realms.some((realm) => method.fieldsFor(realm) !== undefined),
    ),
    anonymousRoleFor: (realm) => anonymousRole?.(realm) ?? null,
    fieldsFor(realm) {
      const fields = methods.flatMap((method) => {
        const one = method.fieldsFor(realm);
        return one === undefined ? [] : [[method.name, one] as const];
      });
      // A cookie alone admits nobody.
      return fields.some(([name]) => name !== 'cookie') ? Object.fromEntries(fields) : undefined;
    },
  };
}

function hasRole(realm: ConvertedRealm, role: string): boolean {
  return realm.roles.some(({ name }) => name === role);
}

function convertAnonymous(
  section: Section,
  realms: readonly ConvertedRealm[],
  methods: Method[],
): ((realm: ConvertedRealm) => string | undefined) | undefined {
  const type = section.text('type') ?? 'static';
  if (type === 'dynamic') {
    const fields = dynamicFields(section, realms);
    if (fields !== undefined) methods.push({ name: 'anonymous', fieldsFor: () => fields });
    return undefined;
  }
  if (type !== 'static') {
    section.report.security(section.path, `type "${type}" has no counterpart: anonymous clients are refused`);
    return undefined;
  }
  const role = section.text('role') ?? 'anonymous';
  const only = section.text('realm');
  section.leave('anonymous sessions have an authid of their own', 'authid');
  section.end(true);
  if (!realms.some((realm) => hasRole(realm, role)))
    section.report.security(section.path, `no realm has the role "${role}": anonymous clients are refused`);
  return (realm) => (hasRole(realm, role) && (only === undefined || only === realm.name) ? role : undefined);
}

function convertMethod(
  section: Section,
  name: PrincipalMethod,
  realms: readonly ConvertedRealm[],
  certificates: ReadonlyMap<string, string>,
): Method | undefined {
  const type = section.text('type');
  if (type === 'dynamic') {
    const fields = dynamicFields(section, realms);
    return fields && { name, fieldsFor: () => fields };
  }
  if (type !== 'static') {
    section.report.security(section.path, `type "${type ?? ''}" has no counterpart: its principals cannot log in`);
    return undefined;
  }
  const key = name === 'wampcra' ? 'users' : 'principals';
  const container = section.section(key);
  const principals = (container?.keys() ?? []).flatMap((authid) => {
    const one = new Section(container?.take(authid), `${section.at(key)}.${authid}`, section.report);
    return convertPrincipal(one, authid, name, realms, certificates) ?? [];
  });
  section.leaveSecurity('chains of trust are not supported: its principals cannot log in', 'trustroots');
  section.end(true);
  return {
    name,
    fieldsFor(realm) {
      const own = principals.filter(
        (one) => hasRole(realm, one.role) && (one.realm === undefined || one.realm === realm.name),
      );
      if (own.length === 0) return undefined;
      return { [key]: Object.fromEntries(own.map(({ authid, role, fields }) => [authid, { ...fields, role }])) };
    },
  };
}

function convertPrincipal(
  section: Section,
  authid: string,
  method: PrincipalMethod,
  realms: readonly ConvertedRealm[],
  certificates: ReadonlyMap<string, string>,
): Principal | undefined {
  const { report, path } = section;
  const role = section.text('role');
  const realm = section.text('realm');
  const fields = FIELDS[method](section, certificates);
  section.end(true);
  if (fields === undefined) report.security(path, 'has no credential that can be converted: left out');
  else if (role === undefined) report.security(path, 'has no role: left out');
  else if (!realms.some((one) => hasRole(one, role) && (realm === undefined || realm === one.name)))
    report.security(path, `no realm has its role "${role}": left out`);
  else return { authid, path, role, realm, fields };
  return undefined;
}

const FIELDS: Readonly<
  Record<PrincipalMethod, (section: Section, certificates: ReadonlyMap<string, string>) => Fields | undefined>
> = {
  ticket(section) {
    const ticket = section.text('ticket');
    return ticket === undefined || ticket === '' ? undefined : { ticket };
  },
  wampcra(section) {
    const secret = section.text('secret');
    const salt = section.text('salt');
    const iterations = section.count('iterations') ?? 1_000;
    const keylen = section.count('keylen') ?? 32;
    if (secret === undefined || secret === '') return undefined;
    if (salt === undefined || salt === '') return { secret };
    if (keylen < 4 || keylen > 64 || keylen % 4 !== 0) {
      section.report.security(section.path, `keylen ${keylen} is not possible: a multiple of 4 up to 64`);
      return undefined;
    }
    const isDerived = Buffer.from(secret, 'base64').toString('base64') === secret && base64Length(secret) === keylen;
    section.report.note(
      section.at('secret'),
      isDerived
        ? `is base64 of ${keylen} bytes, so it is taken for the derived key. If it is the password, call it secret`
        : 'is taken for the password. If it is the derived key, call it derivedKey',
    );
    return { ...(isDerived ? { derivedKey: secret } : { secret }), salt, iterations, keylen };
  },
  scram(section) {
    const kdf = section.text('kdf');
    const memory = section.count('memory');
    const [salt, storedKey, serverKey] = ['salt', 'stored-key', 'server-key'].map((key) => section.text(key));
    const iterations = section.count('iterations');
    if (kdf !== 'argon2id-13' && kdf !== 'pbkdf2') return undefined;
    if ([salt, storedKey, serverKey, iterations].includes(undefined)) return undefined;
    const isArgon = kdf === 'argon2id-13';
    if (isArgon && memory === undefined) return undefined;
    return {
      kdf: isArgon ? 'argon2id' : 'pbkdf2',
      iterations,
      ...(isArgon && { memoryKiB: memory }),
      salt,
      storedKey,
      serverKey,
    };
  },
  cryptosign(section) {
    const keys = section.list('authorized_keys').filter((key) => typeof key === 'string');
    const usable = keys.filter((key) => /^[0-9a-fA-F]{64}$/.test(key));
    if (usable.length < keys.length)
      section.report.security(section.at('authorized_keys'), 'a malformed key was left out');
    return usable.length === 0 ? undefined : { authorizedKeys: usable };
  },
  tls(section, certificates) {
    const sha1 = section.text('certificate-sha1');
    const sha256 = certificates.get(sha1?.toUpperCase() ?? '');
    if (sha256 === undefined)
      section.report.security(
        section.at('certificate-sha1'),
        'Gantry knows certificates by SHA-256, and this one is in no file of ca_certificates: openssl x509 -noout -fingerprint -sha256 prints it',
      );
    return sha256 === undefined ? undefined : { certificateSha256: [sha256] };
  },
};

function base64Length(text: string): number {
  return Buffer.from(text, 'base64').length;
}

function dynamicFields(section: Section, realms: readonly ConvertedRealm[]): Fields | undefined {
  section.take('type');
  const authenticator = section.text('authenticator');
  const realm = section.text('authenticator-realm');
  section.leave('the router itself calls the authenticator: no role decides', 'authenticator-role');
  section.leaveSecurity('the authenticator has to return the role', 'default-role');
  section.end(true);
  if (authenticator === undefined || authenticator === '')
    section.report.security(section.path, 'names no authenticator: left out');
  else if (realm !== undefined && !realms.some(({ name }) => name === realm))
    section.report.security(section.path, `there is no realm "${realm}" for its authenticator: left out`);
  else {
    section.report.note(
      section.path,
      `a role needs a permission for exactly "${authenticator}" with allow.register, or no session can register it`,
    );
    return { type: 'dynamic', authenticator, ...(realm !== undefined && { authenticatorRealm: realm }) };
  }
  return undefined;
}
