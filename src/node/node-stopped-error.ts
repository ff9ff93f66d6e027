/** The node was asked to leave, or this incarnation of it has ended: what was asked of it is not done. */
export class NodeStoppedError extends Error {
  override readonly name = 'NodeStoppedError';
  readonly code = 'NODE_STOPPED';
  constructor(message = 'the node was stopped while it started') {
    super(message);
  }
}
