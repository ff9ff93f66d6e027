import { docker } from '../support/docker.js';

/** Of the tests, so that they leave the images of whoever runs them alone. */
export const ROUTER_IMAGE = 'gantry:test';
export const DEMO_IMAGE = 'gantry-demo-backend:test';

/** Before the first test: makes the images as they are now. */
export async function setup(): Promise<void> {
  await docker(['build', '--progress', 'plain', '--target', 'router', '--tag', ROUTER_IMAGE, '.']);
  await docker(['build', '--progress', 'plain', '--target', 'demo-backend', '--tag', DEMO_IMAGE, '.']);
}
