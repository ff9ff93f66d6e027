/** No package of the native library loads on this system. Operational: the operator gets one sentence, and the process ends. */
export class NativeLibraryError extends Error {
  override readonly name = 'NativeLibraryError';
  readonly code = 'NATIVE_LIBRARY';

  /** @param causes why each package does not load, in the order of the attempts */
  constructor(causes: readonly unknown[]) {
    super(
      `the library uWebSockets.js does not load with Node.js ${process.versions.node} and ${libc()} on ` +
        `${process.platform}-${process.arch}: use Node.js 22, 24 or 26 on glibc 2.38 or newer (Debian 13, Ubuntu 24.04, ` +
        `the image of Gantry), or Node.js 20 or 22 on glibc 2.36 or newer (Debian 12), and run "npm ci" with that ` +
        `Node.js (${causes.map(firstLine).join('; ')})`,
      { cause: causes },
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

/** The library wraps the error of the system's loader: the line that starts with it is the cause. */
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
