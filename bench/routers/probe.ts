/** Loaded into a router whose memory is measured: collects garbage and answers over the IPC channel when asked. */
export interface ProbeReply {
  readonly heapBytes: number;
}

process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const reply: ProbeReply = { heapBytes: heapUsed + external };
  process.send?.(reply);
});

// The router must not stay alive for the probe's sake.
process.channel?.unref();
