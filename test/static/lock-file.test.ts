import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

describe('package-lock.json', () => {
  it('records no download address, so that any mirror of the registry serves', () => {
    expect(Object.entries(packages).filter(([, locked]) => locked.resolved !== undefined)).toEqual([]);
  });

  it('has the hash of every package, but for binaries of platforms that the registry did not have', () => {
    const unknown = Object.entries(packages).filter(([path, { integrity }]) => path !== '' && integrity === undefined);
    const ofThisPlatform = unknown.filter(
      ([, { optional, os, cpu }]) =>
        optional !== true || os === undefined || cpu === undefined || (os.includes('linux') && cpu.includes('x64')),
    );
    expect(ofThisPlatform.map(([path]) => path)).toEqual(['node_modules/@cbor-extract/cbor-extract-linux-x64']);
  });

  it('knows the optional packages of every platform: without them `npm ci` fails on all', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });
});
