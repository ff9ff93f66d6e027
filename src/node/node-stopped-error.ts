/** The incarnation was stopped while it started. */
export class NodeStoppedError extends Error {
  override readonly name = 'NodeStoppedError';
  readonly code = 'NODE_STOPPED';
  constructor() {
    super('the node was stopped while it started');
  }
}
