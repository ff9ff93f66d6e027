/** Ends an exhaustive switch: does not compile while a member is unhandled. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
