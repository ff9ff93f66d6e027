const ANY_LABELS = '[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*';
const ANY_PORT = '[0-9]+';

/**
 * Which web pages may connect. A rule is `*`, an origin, or an origin with `*` for one or more leading labels of the host
 * or for the port. A client that sends no Origin is not a browser, and Origin protects only users of browsers.
 */
export function originMatcher(rules: readonly string[]): (origin: string) => boolean {
  if (rules.includes('*')) return () => true;
  const patterns = rules.map(toPattern);
  return (origin) => origin === '' || patterns.some((pattern) => pattern.test(origin));
}

function toPattern(rule: string): RegExp {
  const escaped = rule.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const source = escaped.replace(/:\*$/, `:${ANY_PORT}`).replaceAll('*', ANY_LABELS);
  return new RegExp(`^${source}$`, 'i');
}
