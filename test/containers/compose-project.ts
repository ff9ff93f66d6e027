import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import { docker } from '../support/docker.js';
import { freePort } from '../support/free-port.js';
import { DEMO_IMAGE, ROUTER_IMAGE } from './images.js';
import { until } from './until.js';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** compose.yaml, running under a name and on ports of its own. */
export class ComposeProject {
  /** What clients connect to: the load balancer. */
  readonly url: string;
  readonly siteUrl: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly #statsUrl: string;

  private constructor(publicPort: number, statsPort: number) {
    this.url = `ws://127.0.0.1:${publicPort}/ws`;
    this.siteUrl = `http://127.0.0.1:${publicPort}/`;
    this.#statsUrl = `http://127.0.0.1:${statsPort}/;csv`;
    this.variables = {
      COMPOSE_PROJECT_NAME: `gantry-test-${randomUUID().slice(0, 8)}`,
      IMAGE: ROUTER_IMAGE,
      DEMO_IMAGE,
      PUBLIC_PORT: String(publicPort),
      STATS_PORT: String(statsPort),
    };
  }

  /** As after `docker compose up`, once every container is healthy and the load balancer uses every replica. */
  static async up(): Promise<ComposeProject> {
    const project = new ComposeProject(await freePort(), await freePort());
    try {
      await new DockerComposeEnvironment(TOP, 'compose.yaml')
        .withProjectName(project.variables['COMPOSE_PROJECT_NAME']!)
        .withEnvironment(project.variables)
        .withDefaultWaitStrategy(Wait.forHealthCheck())
        .withWaitStrategy('demo-backend-1', Wait.forListeningPorts())
        // `down` does it.
        .withAutoCleanup(false)
        .up();
      await project.inUse(3);
    } catch (error) {
      const logs = await project.compose('logs', '--no-color', '--tail', '50');
      await project.down();
      throw new Error(`the project did not start:\n${logs}`, { cause: error });
    }
    return project;
  }

  compose(...words: string[]): Promise<string> {
    return docker(['compose', ...words], this.variables);
  }

  /** Ids of the running routers, oldest first. */
  async replicas(): Promise<string[]> {
    const ids = (await this.compose('ps', '--quiet', 'gantry')).split('\n');
    const created = await docker(['inspect', '--format', '{{.Created}} {{.Id}}', ...ids]);
    return created
      .split('\n')
      .sort()
      .map((line) => line.split(' ')[1]!);
  }

  /** Resolves once the load balancer sends clients to this many replicas, and counts no other as up. */
  async inUse(count: number): Promise<void> {
    await until(`the load balancer to use ${count} replicas`, async () => (await this.#serverStates('UP')) === count);
  }

  /** As `inUse`, for replicas that keep their clients and get no more. */
  async draining(count: number): Promise<void> {
    await until(`${count} replicas to drain`, async () => (await this.#serverStates('NOLB')) === count);
  }

  /** The value of a metric of one replica, all labels together. */
  async metric(replica: string, name: string): Promise<number> {
    const script = "fetch('http://127.0.0.1:9090/metrics').then((page) => page.text()).then(console.log)";
    const page = await docker(['exec', replica, 'node', '-e', script]);
    const lines = page.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`there is no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Sessions per replica, oldest first. */
  async sessions(): Promise<number[]> {
    return Promise.all((await this.replicas()).map((replica) => this.metric(replica, 'gantry_sessions')));
  }

  async down(): Promise<void> {
    await this.compose('--profile', '*', 'down', '--volumes', '--timeout', '1');
  }

  /** A server that has just come is taken to be up until its first check. */
  async #serverStates(state: 'UP' | 'NOLB'): Promise<number> {
    const page = await (await fetch(this.#statsUrl)).text();
    const [names, ...rows] = page.split('\n').map((line) => line.split(','));
    const [status, check] = ['status', 'check_status'].map((name) => names!.indexOf(name));
    return rows.filter(
      (row) =>
        row[1]?.startsWith('node') === true &&
        row[status!]?.startsWith(state) === true &&
        row[check!]?.startsWith('L7OK'),
    ).length;
  }
}
