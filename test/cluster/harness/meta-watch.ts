import type { AppClient } from '../../interop/clients/app-client.js';

/** A meta event of a subscription or registration. */
export interface Seen {
  readonly kind: string;
  /** Null: its node has died. */
  readonly session: unknown;
  /** The subscription or registration. */
  readonly id: number;
}

/** Every such event, in the order in which the session receives them. */
export async function watchMeta(
  client: AppClient,
  of: 'subscription' | 'registration',
  kinds: readonly string[],
): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const kind of kinds)
    await client.subscribe(`wamp.${of}.on_${kind}`, ({ args: [session, about] }) => {
      const id = typeof about === 'object' ? (about as { id: number }).id : about;
      seen.push({ kind, session, id: Number(id) });
    });
  return seen;
}
