import { isDeepStrictEqual } from 'node:util';
import type { Section } from './report.js';

/** The principals of the first WebSocket: those of each listener of the node. */
export interface NodePrincipals {
  /** Where they stand. */
  readonly path: string;
  /** The value of `auth`. */
  readonly auth: unknown;
}

/** The methods of Gantry for each method of Crossbar.io. */
const METHODS: Readonly<Record<string, readonly string[]>> = {
  anonymous: ['anonymous'],
  ticket: ['ticket'],
  wampcra: ['wampcra'],
  scram: ['wamp-scram', 'scram'],
  cryptosign: ['cryptosign'],
  tls: ['tls'],
};

/**
 * The `authMethods` of a listener with the principals of the node, or with those of some methods. Undefined: it has others,
 * and a note says so.
 */
export function methodsOf(
  part: Section,
  node: NodePrincipals,
  isSecurity: boolean,
): { readonly authMethods?: readonly string[] } | undefined {
  const auth = part.take('auth');
  if (isDeepStrictEqual(auth, node.auth)) return {};
  const [own, all] = [entriesOf(auth), new Map(entriesOf(node.auth))];
  const isPart =
    own.length > 0 &&
    own.every(([name, value]) => Object.hasOwn(METHODS, name) && isDeepStrictEqual(all.get(name), value));
  if (isPart) return { authMethods: own.flatMap(([name]) => METHODS[name] ?? []) };
  const text = `has other principals than ${node.path}: a node has the same at each listener, so this one was left out`;
  part.report.left(part.path, text, isSecurity);
  return undefined;
}

function entriesOf(auth: unknown): [string, unknown][] {
  return typeof auth === 'object' && auth !== null ? Object.entries(auth) : [];
}
