export function stayOverLongPoll(options: { url: string; topic: string }): Promise<string>;
export function callFromPage(call: { procedure: string; args: unknown[] }): Promise<unknown>;
export function noteNumbersOverLongPoll(options: { url: string; topic: string }): Promise<void>;
export interface Life {
  readonly url: string;
  readonly numbers: readonly number[];
  readonly end?: string;
}
