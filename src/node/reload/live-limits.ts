import { RELOADABLE } from '../../config/reload.js';
import type { Config } from '../../config/schema.js';

type Limits = Config['limits'];
type Mutable = { -readonly [Key in keyof Limits]: Limits[Key] };

/** Limits that a reload changes in place: the parts of a node share one object, and read it at each use. */
export class LiveLimits {
  readonly current: Limits;
  readonly #values: Mutable;

  constructor(limits: Limits) {
    this.#values = { ...limits };
    this.current = this.#values;
  }

  apply(limits: Limits): void {
    for (const path of RELOADABLE) {
      const [section, name] = path.split('.') as [string, keyof Limits];
      if (section !== 'limits') continue;
      if (limits[name] === undefined) Reflect.deleteProperty(this.#values, name);
      else Object.assign(this.#values, { [name]: limits[name] });
    }
  }
}
