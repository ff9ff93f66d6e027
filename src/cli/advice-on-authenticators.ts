import { placedAuthenticators } from '../config/auth-entries.js';
import type { RealmConfig, RealmTemplateConfig } from '../config/schema.js';

type Rules = Pick<RealmConfig | RealmTemplateConfig, 'roles' | 'auth'> & { readonly name?: string };

/** Authenticators that no session can register: a permission must name the procedure itself. */
export function adviceOnAuthenticators(rulesByPath: readonly (readonly [path: string, rules: Rules])[]): string[] {
  return rulesByPath.flatMap(([path, rules]) =>
    placedAuthenticators(rules.auth ?? {}).flatMap(({ path: steps, entry }) => {
      const { authenticator, authenticatorRealm: realm } = entry;
      const home = realm === undefined ? rules : rulesByPath.find(([, { name }]) => name === realm)?.[1];
      const isRegistrable = home?.roles.some(({ permissions }) =>
        permissions.some(({ uri, match, allow }) => match === 'exact' && uri === authenticator && allow.register),
      );
      if (isRegistrable !== false) return [];
      const at = steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
      return [
        `${path}.auth${at}: no role may register "${authenticator}": give one a permission for exactly this uri with allow.register.`,
      ];
    }),
  );
}
