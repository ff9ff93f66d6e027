export function stored(): { readonly local: number; readonly session: number; readonly cookie: string };
export function longList([module, count]: readonly [unknown, number]): Promise<{
  readonly status: string;
  readonly rows: number;
  readonly first: string;
  readonly pages: string;
  readonly read: number;
  readonly filtered: { readonly status: string; readonly read: number };
}>;
export function flood([module, count]: readonly [unknown, number]): Promise<{
  readonly status: string;
  readonly items: number;
  readonly hasUnsubscribed: boolean;
}>;
export function withoutCreate([module]: readonly [unknown]): Promise<string>;
