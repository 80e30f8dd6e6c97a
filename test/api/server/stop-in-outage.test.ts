import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { atMost } from '../../support/at-most.js';
import { send } from '../../support/conversations.js';
import { ModelByHand } from '../../support/model-server.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { testRedisUrl } from '../../support/test-redis.js';
import { until } from '../../support/until.js';

/** For a grace of 1 s: to settle in vain, to tell followers, to close sockets and connections. */
const stopsWithinMs = 20_000;

const outages = [
  { what: 'PostgreSQL refuses', database: (proxy: OutageProxy) => proxy.refuse(), redis: null },
  { what: 'PostgreSQL is silent', database: async (proxy: OutageProxy) => proxy.silence(), redis: null },
  { what: 'Redis is silent', database: null, redis: async (proxy: OutageProxy) => proxy.silence() },
] as const;

type Outage = (typeof outages)[number];

let folder: TemporaryFolder;
let model: ScriptedModel;
let lender: TestApp;
const processes: ServerProcess[] = [];
const proxies: OutageProxy[] = [];
const stops = new Map<Outage, Promise<Stop>>();

interface Stop {
  readonly exitCode: number | string | null;
  readonly tookMs: number;
}

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  lender = await startApp({ env: model.env });
  for (const outage of outages) {
    const stop = stopDuring(outage);
    stop.catch(() => undefined);
    stops.set(outage, stop);
  }
});
afterAll(async () => {
  await Promise.allSettled(stops.values());
  await Promise.all(processes.map((server) => server.kill()));
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await lender?.close();
  await model?.stop();
  await folder?.remove();
});

async function proxyTo(url: string): Promise<OutageProxy> {
  const proxy = await OutageProxy.start(url);
  proxies.push(proxy);
  return proxy;
}

/** Stops a server that writes an answer. */
async function stopDuring({ database, redis }: Outage): Promise<Stop> {
  const [toDatabase, toRedis] = [await proxyTo(lender.database.url), await proxyTo(testRedisUrl())];
  const env = { DATABASE_URL: toDatabase.url, REDIS_URL: toRedis.url, SHUTDOWN_GRACE: '1' };
  const server = await ServerProcess.start({ beside: lender, env, folder: folder.path });
  processes.push(server);
  const [question, byHand] = [randomUUID(), new ModelByHand()];
  model.answer(question, byHand.reply);
  await send(server.person(question), { content: question });
  await byHand.text('As far as it came.');
  await Promise.all([database?.(toDatabase), redis?.(toRedis)]);
  // What is asked meanwhile holds the stop up no longer than its own bound.
  const asked = server
    .person(question)
    .graphql('{ conversations { totalCount } }')
    .catch(() => null);
  const startMs = performance.now();
  server.signal('SIGTERM');
  await until('it is asked again', () => performance.now() - startMs > 500);
  server.signal('SIGTERM');
  const exitCode = await server.ended();
  await asked;
  return { exitCode, tookMs: performance.now() - startMs };
}

describe('SIGTERM, twice, while', () => {
  it.each(outages)('$what, ends the process with 0, in bounded time', async (outage) => {
    const stop = await stops.get(outage);
    expect(stop?.exitCode).toBe(0);
    expect(stop?.tookMs).toBeLessThan(atMost(stopsWithinMs));
  });
});
