import type { ArrivalCheck } from './checked-payload.js';
import type { LoadClient } from './client.js';
import type { Endpoint, Serializer } from './endpoint.js';
import type { PreparedFrame } from './frame-template.js';
import type { FanoutJob } from './job.js';

/** The number of the publisher in the payloads. */
export const source = 0;

/** The operations of a protocol that a fan-out needs. */
export interface FanoutWire {
  /** A connection that receives each event as one message. */
  subscribe(endpoint: Endpoint, serializer: Serializer, topic: string): Promise<LoadClient>;
  /** A connection that publishes, and its frame. */
  publisher(
    endpoint: Endpoint,
    job: FanoutJob,
    serializer: Serializer,
  ): Promise<{ readonly client: LoadClient; readonly frame: PreparedFrame }>;
  check(job: FanoutJob, serializer: Serializer): ArrivalCheck;
}
