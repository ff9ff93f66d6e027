/** The commands that are clients of a router. Their code is loaded only when one of them runs. */
export const CLIENT_COMMANDS = ['call', 'publish', 'subscribe', 'register', 'meta', 'top', 'bench'] as const;
export type ClientCommandName = (typeof CLIENT_COMMANDS)[number];
