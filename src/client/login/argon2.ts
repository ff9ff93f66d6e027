export interface Argon2Parameters {
  readonly iterations: number;
  readonly memoryKiB: number;
  readonly salt: Uint8Array;
}

const HASH_BYTES = 32;

/** Argon2id 1.3 with a parallelism of one: 32 bytes. Loads WebAssembly, which nothing else of the router needs. */
export async function argon2id(password: string, { iterations, memoryKiB, salt }: Argon2Parameters): Promise<Buffer> {
  const wasm = await import('hash-wasm');
  const hash = await wasm.argon2id({
    password,
    salt,
    iterations,
    memorySize: memoryKiB,
    parallelism: 1,
    hashLength: HASH_BYTES,
    outputType: 'binary',
  });
  return Buffer.from(hash);
}
