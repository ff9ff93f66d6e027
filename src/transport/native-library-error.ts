/** The native library cannot be loaded on this system. Operational: tell the operator and exit. */
export class NativeLibraryError extends Error {
  override readonly name = 'NativeLibraryError';
  readonly code = 'NATIVE_LIBRARY';

  constructor(cause: unknown) {
    super(
      `the library uWebSockets.js does not load with Node.js ${process.versions.node} and ${libc()} on ` +
        `${process.platform}-${process.arch}: use Node.js 20 or 22 on glibc 2.36 or newer (Debian 12, Ubuntu 22.10, ` +
        `the image of Gantry), and run "npm ci" with that Node.js (${firstLine(cause)})`,
      { cause },
    );
  }
}

function libc(): string {
  const glibc = glibcVersion();
  if (glibc !== undefined) return `glibc ${glibc}`;
  return process.platform === 'linux' ? 'a C library that is not glibc' : 'no glibc';
}

function glibcVersion(): string | undefined {
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined;
  return typeof header.glibcVersionRuntime === 'string' ? header.glibcVersionRuntime : undefined;
}

/** The loader wraps what the system said: its last line is the cause. */
function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return (
    text
      .trim()
      .split('\n')
      .find((line) => line.startsWith('Error: '))
      ?.slice('Error: '.length) ??
    text.split('\n', 1)[0] ??
    ''
  );
}
