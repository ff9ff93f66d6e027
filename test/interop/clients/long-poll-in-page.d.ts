export function stayOverLongPoll(options: { url: string; topic: string }): Promise<string>;
export function callFromPage(call: { procedure: string; args: unknown[] }): Promise<unknown>;
