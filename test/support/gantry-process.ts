import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { endingWithUs } from './children.js';
import { firstOf } from './first-of.js';
import { root } from './root.js';

const main = join(root, 'dist/main.js');

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line, run as its users run it; without the GANTRY_ variables of the shell that runs the tests. */
export class GantryProcess {
  readonly exit: Promise<Exit>;
  readonly child: ChildProcessWithoutNullStreams;
  readonly #texts = { stdout: '', stderr: '' };

  /** `prefix`: the words of a command that becomes the one that follows. */
  constructor(
    words: readonly string[],
    variables: Readonly<Record<string, string>> = {},
    cwd?: string,
    prefix: readonly string[] = [],
  ) {
    if (!existsSync(main)) throw new Error('there is no dist/main.js: run `npm run build` first');
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GANTRY_'));
    const [program = '', ...rest] = [...prefix, process.execPath, main, ...words];
    this.child = endingWithUs(
      spawn(program, rest, {
        env: { ...Object.fromEntries(inherited), ...variables },
        ...(cwd !== undefined && { cwd }),
      }),
    );
    for (const name of ['stdout', 'stderr'] as const) {
      this.child[name].setEncoding('utf8').on('data', (text: string) => {
        this.#texts[name] += text;
      });
    }
    this.exit = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      ...this.#texts,
    }));
  }

  /** Everything that the process has written to a stream. */
  text(stream: 'stdout' | 'stderr'): string {
    return this.#texts[stream];
  }

  /** The words in a stream, from a position on, that match. Rejects when the stream ends without them. */
  async printed(stream: 'stdout' | 'stderr', pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#texts[stream].slice(from));
      if (match !== null) return match;
      if (this.child[stream].closed) {
        throw new Error(
          `the process ended before it printed ${String(pattern)}:\n${this.#texts.stdout}${this.#texts.stderr}`,
        );
      }
      const output = this.child[stream];
      await firstOf([output, 'data'], [output, 'close']);
    }
  }

  /** Resolves with the address of the WebSocket once the greeting has been printed. */
  async ready(): Promise<string> {
    await this.printed('stdout', /connection\.open\(\);\n|"event":"node\.ready".*\n/);
    const [, url = '', jsonUrl = ''] = await this.printed('stdout', /WebSocket +(\S+)\n|"ws":"([^"]+)"/);
    return url || jsonUrl;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Runs a command to its end. */
export function gantry(
  words: readonly string[],
  variables?: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<Exit> {
  return new GantryProcess(words, variables, cwd).exit;
}
