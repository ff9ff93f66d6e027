import type { MetaLimits } from '../../src/realm/meta/meta-handlers.js';

/** The bounds of the meta API by default. */
export const META_LIMITS: MetaLimits = {
  maxAuthextraBytes: 4_096,
  maxMetaListIds: 100_000,
  maxMetaLists: 4,
  maxWaitingMetaLists: 1_024,
  metaQuestionTimeoutMs: 10_000,
};
