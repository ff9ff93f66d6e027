/** The reply of a script does not have the shape that this release knows. */
export function unexpectedReply(file: string, raw: unknown): TypeError {
  return new TypeError(`${file} replied ${typeof raw === 'string' ? raw.slice(0, 40) : typeof raw}`);
}
