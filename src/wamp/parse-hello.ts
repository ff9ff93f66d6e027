import { isDict, own } from './dict.js';
import { isFault, violation, type Fault } from './faults.js';
import type { FeatureKey, Features, RoleFeatures } from './features.js';
import type { HelloDetails } from './messages.js';
import { checkKeys, KnownKeys } from './option-keys.js';
import type { Dict } from './options.js';

const FEATURE_KEYS: readonly FeatureKey[] = [
  'call_canceling',
  'call_reroute',
  'call_timeout',
  'call_trustlevels',
  'payload_passthru_mode',
  'progressive_call_invocations',
  'progressive_call_results',
  'publication_trustlevels',
  'registration_revocation',
  'subscription_revocation',
];
/** The spelling of one chapter of the specification. */
const CALL_CANCELLING = 'call_cancelling';
const CANCELING_BIT = 1 << FEATURE_KEYS.indexOf('call_canceling');

/** One set for each combination of features that was ever announced: sessions share them. */
const sharedSets: RoleFeatures[] = [];

/** Reads HELLO.Details. Roles and features this router does not know are ignored (SES-3, SES-4). */
export function parseHelloDetails(details: unknown): HelloDetails | Fault {
  if (!isDict(details)) return violation('HELLO.Details must be a dict');
  const seen = checkKeys('HELLO.Details', details, KnownKeys.HELLO);
  if (isFault(seen)) return seen;
  const features = parseRoles(own(details, 'roles'));
  if (isFault(features)) return features;
  const authid = own(details, 'authid') as string | undefined;
  const authrole = own(details, 'authrole') as string | undefined;
  const authextra = own(details, 'authextra') as Dict | undefined;
  const agent = own(details, 'agent') as string | undefined;
  return {
    features,
    authmethods: (own(details, 'authmethods') as readonly string[] | undefined) ?? [],
    ...(authid === undefined ? undefined : { authid }),
    ...(authrole === undefined ? undefined : { authrole }),
    ...(authextra === undefined ? undefined : { authextra }),
    ...(agent === undefined ? undefined : { agent }),
  };
}

function parseRoles(roles: unknown): Features | Fault {
  if (!isDict(roles)) return violation('HELLO.Details.roles must be a dict of the roles of the client');
  const features: { -readonly [Role in keyof Features]: Features[Role] } = {};
  for (const role of ['publisher', 'subscriber', 'caller', 'callee'] as const) {
    const announced = own(roles, role);
    if (announced === undefined) continue;
    const parsed = parseRole(role, announced);
    if (isFault(parsed)) return parsed;
    features[role] = parsed;
  }
  if (Object.keys(features).length === 0) {
    return violation('HELLO.Details.roles must name at least one of publisher, subscriber, caller and callee');
  }
  return features;
}

function parseRole(role: string, announced: unknown): RoleFeatures | Fault {
  if (!isDict(announced)) return violation(`HELLO.Details.roles.${role} must be a dict`);
  const features = own(announced, 'features');
  if (features === undefined) return shared(0);
  if (!isDict(features)) return violation(`HELLO.Details.roles.${role}.features must be a dict`);
  let bits = own(features, CALL_CANCELLING) === true ? CANCELING_BIT : 0;
  FEATURE_KEYS.forEach((key, index) => {
    if (own(features, key) === true) bits |= 1 << index;
  });
  return shared(bits);
}

function shared(bits: number): RoleFeatures {
  return (sharedSets[bits] ??= new Set(FEATURE_KEYS.filter((_, index) => (bits & (1 << index)) !== 0)));
}
