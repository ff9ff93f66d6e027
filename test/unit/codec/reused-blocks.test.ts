import { describe, expect, it } from 'vitest';
import { ByteSink } from '../../../src/codec/byte-sink.js';
import { ReusedBlocks } from '../../../src/codec/reused-blocks.js';

const BLOCK_BYTES = 65_536;

describe('reused blocks', () => {
  it('are taken again once they were given back, and not before', () => {
    const blocks = new ReusedBlocks(BLOCK_BYTES, 4);
    const first = blocks.take(10);
    const second = blocks.take(BLOCK_BYTES);
    expect(second.buffer).not.toBe(first.buffer);
    expect([first.length, second.length]).toEqual([BLOCK_BYTES, BLOCK_BYTES]);
    blocks.giveBack(first.subarray(3, 7));
    expect(blocks.take(20).buffer).toBe(first.buffer);
    expect(blocks.take(20).buffer).not.toBe(first.buffer);
  });

  it('are given back once, and only those that were taken', () => {
    const blocks = new ReusedBlocks(BLOCK_BYTES, 4);
    const block = blocks.take(1);
    blocks.giveBack(block);
    blocks.giveBack(block);
    const foreign = new Uint8Array(BLOCK_BYTES);
    blocks.giveBack(foreign);
    const long = blocks.take(BLOCK_BYTES + 1);
    expect(long).toHaveLength(BLOCK_BYTES + 1);
    blocks.giveBack(long);
    const taken = [1, 2, 3].map((byteCount) => blocks.take(byteCount).buffer);
    expect(new Set(taken).size).toBe(3);
    expect(taken).toContain(block.buffer);
    expect(taken).not.toContain(foreign.buffer);
  });

  it('are kept up to a bound', () => {
    const blocks = new ReusedBlocks(BLOCK_BYTES, 2);
    const taken = [1, 2, 3].map(() => blocks.take(1));
    for (const block of taken) blocks.giveBack(block);
    const again = [1, 2, 3].map(() => blocks.take(1).buffer);
    expect(again.filter((buffer) => taken.some((block) => block.buffer === buffer))).toHaveLength(2);
  });

  it('hold the long messages of a sink, one each, and none of the short ones', () => {
    const blocks = new ReusedBlocks(BLOCK_BYTES, 4);
    const sink = new ByteSink(16_384, blocks);
    const write = (byteCount: number, value: number): Uint8Array => {
      for (let left = byteCount; left > 0; left -= 1_000)
        sink.append(new Uint8Array(1_000).fill(value), 0, Math.min(left, 1_000));
      return sink.finish();
    };
    const short = write(500, 1);
    const long = write(50_000, 2);
    const other = write(40_000, 3);
    expect(long.buffer).not.toBe(other.buffer);
    blocks.giveBack(short);
    blocks.giveBack(long);
    const reused = write(60_000, 4);
    expect(reused.buffer).toBe(long.buffer);
    expect(short).toEqual(new Uint8Array(500).fill(1));
    expect(other).toEqual(new Uint8Array(40_000).fill(3));
    expect(reused).toEqual(new Uint8Array(60_000).fill(4));
  });
});
