import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endingWithUs } from './children.js';
import { root } from './root.js';

/** A program of `test/interop/clients`, written in Go with a client library of that language. */
export class GoProgram {
  /** The reason why the program cannot be built here. */
  readonly obstacle: string | undefined;
  /** A folder for files of the test; `remove` removes it. */
  readonly folder: string;
  readonly #source: string;
  readonly #binary: string;

  constructor(name: string) {
    this.#source = join(root, 'test/interop/clients', name);
    this.folder = mkdtempSync(join(tmpdir(), `gantry-${name}-`));
    this.#binary = join(this.folder, name);
    this.obstacle = this.#findObstacle();
    if (this.obstacle !== undefined) console.warn(`The Go client of ${name} is not tested: ${this.obstacle}.`);
  }

  build(): void {
    execFileSync('go', ['build', '-o', this.#binary, '.'], { cwd: this.#source, stdio: 'inherit' });
  }

  start(...words: string[]): ChildProcess {
    return endingWithUs(spawn(this.#binary, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  /** Starts the program and resolves with the lines that it has written when it ends. */
  async run(...words: string[]): Promise<readonly string[]> {
    const child = this.start(...words);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
    await once(child, 'close');
    return text.trim().split('\n');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #findObstacle(): string | undefined {
    for (const words of [['version'], ['mod', 'download']])
      try {
        execFileSync('go', words, { cwd: this.#source, stdio: 'ignore', timeout: 120_000 });
      } catch {
        return `\`go ${words.join(' ')}\` fails`;
      }
    return undefined;
  }
}
