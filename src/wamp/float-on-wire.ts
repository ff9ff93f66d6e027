/**
 * A float with an integral value, as read from the wire. Not a number to `typeof`, so it cannot pass for an id (MSG-10);
 * a parser that tolerates such senders takes `value`. Floats with a fraction are plain numbers.
 */
export class FloatOnWire {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}
