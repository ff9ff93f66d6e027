/** Whether the client has the version with this tag already (`If-None-Match`), by weak comparison. */
export function isKnownTag(ifNoneMatch: string, tag: string): boolean {
  return ifNoneMatch.split(',').some((one) => one.trim() === '*' || weak(one.trim()) === weak(tag));
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '');
}
