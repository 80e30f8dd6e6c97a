import { setTimeout as wait } from 'node:timers/promises';
import type { Deployment } from './deployment/deployment.js';
import type { History, InstanceName } from './history.js';

/** What is open, by where and what. */
type Holdings = ReadonlyMap<string, number>;

const looks = 20;
const betweenLooksMs = 200;
/** Connections that nobody uses are closed after ten seconds, replicas after three. */
const goneMs = 45_000;
const separator = ': ';

const names: readonly InstanceName[] = ['a', 'b'];

/**
 * What is held while nobody asks for anything: the most of several looks, since some work comes and goes by itself, and an
 * instance opens connections for its own when it first has some.
 */
export async function lookAtRest(deployment: Deployment): Promise<Holdings> {
  let most = await holdings(deployment);
  for (let look = 1; look < looks; look += 1) {
    await wait(betweenLooksMs);
    most = merged(most, await holdings(deployment), Math.max);
  }
  return most;
}

/** Logs what is still held beyond that when everybody has left: the least that it ever was within the time. */
export async function logLeftovers(deployment: Deployment, history: History, before: Holdings): Promise<void> {
  const giveUpAtMs = performance.now() + goneMs;
  let least = await holdings(deployment);
  const isMore = () => [...least].some(([name, count]) => count > (before.get(name) ?? 0));
  while (isMore() && performance.now() < giveUpAtMs) {
    await wait(betweenLooksMs);
    least = merged(least, await holdings(deployment), Math.min);
  }
  for (const [name, after] of least) {
    const [where = '', what = ''] = name.split(separator);
    history.add({ type: 'left', where, what, before: before.get(name) ?? 0, after });
  }
}

function merged(one: Holdings, other: Holdings, choice: typeof Math.min): Holdings {
  const all = new Set([...one.keys(), ...other.keys()]);
  return new Map([...all].map((name) => [name, choice(one.get(name) ?? 0, other.get(name) ?? 0)]));
}

async function holdings({ instances, postgres, redis }: Deployment): Promise<Holdings> {
  const held = new Map<string, number>();
  for (const name of names) {
    for (const [kind, count] of await instances[name].resources())
      held.set(`instance ${name}${separator}${kind}`, count);
  }
  const connections = await postgres.ask<{ name: string; state: string; count: number }>(
    `SELECT application_name AS name, coalesce(state, '') AS state, count(*)::integer AS count FROM pg_stat_activity
     WHERE application_name LIKE 'parley%' GROUP BY 1, 2`,
  );
  for (const { name, state, count } of connections ?? []) {
    held.set(`PostgreSQL${separator}connections of ${name}, ${state}`, count);
  }
  const [checkpoints] =
    (await postgres.ask<{ count: number }>('SELECT count(*)::integer AS count FROM answer_chunks')) ?? [];
  held.set(`PostgreSQL${separator}checkpoints of answers`, checkpoints?.count ?? 0);
  const channels = await redis.command('PUBSUB', 'CHANNELS');
  for (const kind of ['answer', 'owner']) {
    const open = Array.isArray(channels) ? channels.filter((name) => String(name).startsWith(`parley:${kind}:`)) : [];
    held.set(`Redis${separator}${kind} channels with subscribers`, open.length);
  }
  return held;
}
