export function joinByCookie(options: {
  readonly url: string;
  readonly ticket: string;
  readonly farewell: string;
}): Promise<{ readonly authid: string; readonly authmethod: string } | string>;
