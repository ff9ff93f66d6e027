import { docker } from '../support/docker.js';

/** Names that only the tests use, so that they leave other images of the machine alone. */
export const ROUTER_IMAGE = 'gantry:test';
export const DEMO_IMAGE = 'gantry-demo-backend:test';

/** Before the first test: makes the images as they are now. */
export async function setup(): Promise<void> {
  await docker(['build', '--progress', 'plain', '--target', 'router', '--tag', ROUTER_IMAGE, '.']);
  await docker(['build', '--progress', 'plain', '--target', 'demo-backend', '--tag', DEMO_IMAGE, '.']);
}
