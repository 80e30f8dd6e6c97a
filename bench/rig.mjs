// What all benches stand on: a PostgreSQL, servers in processes of their own, load, and tables.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import pg from 'pg';

process.env.NODE_ENV = 'test';
/** What was built. */
export const built = (path) => import(new URL(`../dist/src/${path}`, import.meta.url).href);
const { startEmbeddedPostgres } = await built('platform/embedded-postgres.js');
const { createLog } = await built('platform/log.js');
const { migrate } = await built('migrate.js');
const { signToken } = await built('identity/token.js');

/** Durable: it waits for the disk at each commit, as it does for everybody; or not, where little is written. */
export async function startRig({ durable = true, env: more = {} } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  await chmod(root, 0o711);
  const log = createLog('error');
  const place = { dataDir: join(root, 'database'), sharedFolders: [join(root, 'shared')] };
  const postgres = await startEmbeddedPostgres({ ...place, durable, log });
  await migrate({ databaseUrl: postgres.url, keysDatabaseUrl: null });
  const pool = new pg.Pool({ connectionString: postgres.url, max: 4 });
  // PostgreSQL is stopped under connections that are just closing.
  pool.on('error', () => {});
  const key = randomBytes(32);
  const secret = randomBytes(32);
  const env = {
    ...{ NODE_ENV: 'test', PORT: '0', DATABASE_URL: postgres.url, RATE_LIMITS: 'off', LOG_LEVEL: 'error' },
    JWT_SECRETS: `bench:${secret.toString('hex')}`,
    ENCRYPTION_KEYS: `bench:${key.toString('base64')}`,
    ...more,
  };
  const children = [];
  const stop = async () => {
    for (const child of children.filter(({ connected }) => connected)) {
      child.send('stop');
      await once(child, 'exit');
    }
    await pool.end();
    await postgres.stop();
    await rm(root, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().finally(() => process.exit(1)));
  return {
    ...{ pool, key },
    async token(subject) {
      const secrets = { kid: 'bench', secret: new TextEncoder().encode(secret.toString('hex')) };
      const signing = { secret: secrets, issuer: 'parley', audience: 'parley', subject };
      return await signToken(signing, { now: Date.now });
    },
    /** A server in a process of its own: `parley`, or the floor of a bench. */
    async serve(name) {
      const flags = [...process.execArgv, '--max-semi-space-size=64', ...(process.env.BENCH_FLAGS?.split(' ') ?? [])];
      const child = fork(new URL('served.mjs', import.meta.url), [name], {
        env: { ...process.env, ...env },
        execArgv: flags,
      });
      children.push(child);
      const tell = async (question) => {
        child.send(question);
        return (await once(child, 'message', { signal: AbortSignal.timeout(30_000) }))[0];
      };
      const [{ url }] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
      return { url, cpuMs: () => tell('cpu'), statements: () => tell('statements') };
    },
    stop,
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** One operation over HTTP; throws where it has errors. */
export async function ask(url, token, query, variables) {
  const text = await post(`${url}/graphql`, JSON.stringify({ query, variables }), { authorization: `Bearer ${token}` });
  const { data, errors } = JSON.parse(text);
  if (errors) throw Object.assign(new Error(JSON.stringify(errors)), { code: errors[0].extensions?.code });
  return data;
}

/** The whole answer, as text. */
export function post(url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers: { ...type, ...headers } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts).toString()));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/**
 * `work` again and again, by so many at a time for so many seconds: what each took, and what it cost the server until
 * `settled`.
 */
export async function load({ server, work, workers, seconds, settled = async () => {} }) {
  const times = [];
  const before = await server.cpuMs();
  const startMs = performance.now();
  const run = async (worker) => {
    for (let nth = 0; performance.now() < startMs + seconds * 1000; nth += 1) {
      const { ms } = await took(() => work(worker, nth));
      times.push(ms);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  const ms = performance.now() - startMs;
  await settled();
  const cpuMs = (await server.cpuMs()) - before;
  return { perSecond: (times.length * 1000) / ms, cpuMicros: (cpuMs * 1000) / times.length, times };
}

export async function took(work) {
  const startMs = performance.now();
  const result = await work();
  return { ms: performance.now() - startMs, result };
}

/** Each of `variants` once a round, so that what else the machine does strikes all of them. The median of the rounds. */
export async function interleave(rounds, variants) {
  const measured = variants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, measure] of variants.entries()) {
      const result = await measure();
      // The first round is for what warms up.
      if (round > 0) measured[index].push(result);
    }
  }
  return measured.map((results) => ({
    perSecond: quantile(
      results.map(({ perSecond }) => perSecond),
      0.5,
    ),
    cpuMicros: quantile(
      results.map(({ cpuMicros }) => cpuMicros),
      0.5,
    ),
    times: results.flatMap(({ times }) => times),
  }));
}

export const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(values.length * q)];

/** The first is the floor. Throughput as a share of the floor's, processor time as a multiple of it. */
export function printTable(named) {
  const [floor] = Object.values(named);
  const rows = Object.entries(named).map(([name, { perSecond, cpuMicros, times, ...more }]) => [
    name,
    {
      'per second': Math.round(perSecond),
      '× floor': (perSecond / floor.perSecond).toFixed(2),
      'server CPU µs': Math.round(cpuMicros),
      'CPU × floor': (cpuMicros / floor.cpuMicros).toFixed(2),
      'p50 ms': quantile(times, 0.5).toFixed(1),
      'p95 ms': quantile(times, 0.95).toFixed(1),
      ...more,
    },
  ]);
  console.table(Object.fromEntries(rows));
}

export function printMachine() {
  const gib = Math.round(totalmem() / 2 ** 30);
  console.log(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model}, ${gib} GiB`);
}
