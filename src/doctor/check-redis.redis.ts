import { Cluster } from 'ioredis';
import { describeFailure } from '../describe-failure.js';
import { createRedis, type RedisConnection } from '../platform/redis.redis.js';
import { type Finding, fault, note, ok, warning } from './finding.js';

const oldestMajor = 7;
const remedy = 'See that it runs, and that REDIS_URL names it. Without it answers are followed up to 2 s late.';

/** Redis is asked what every instance will ask of it: a command, and a message that comes back. */
export async function checkRedis(urls: readonly string[] | null, commandMs: number): Promise<Finding[]> {
  if (!urls) {
    return [note('redis', 'REDIS_URL is not set: pub/sub and rates are in-process, which is right for one instance.')];
  }
  const address = { urls, commandTimeoutMs: commandMs };
  const [publisher, subscriber] = [createRedis(address), createRedis(address)];
  // Why a connection failed is told here; what is thrown says only that it did.
  let reason: unknown = null;
  for (const one of [publisher, subscriber]) {
    one.on('error', (error: unknown) => {
      reason ??= error;
    });
  }
  try {
    await Promise.all([publisher.connect(), subscriber.connect()]);
    const facts = await readFacts(publisher);
    const tookMs = await echo(publisher, subscriber, commandMs * 4);
    return judge(facts, tookMs);
  } catch (error) {
    return [fault('redis', `It does not answer (${describeFailure(reason ?? error)}).`, remedy)];
  } finally {
    publisher.disconnect();
    subscriber.disconnect();
  }
}

function judge(facts: ReadonlyMap<string, string>, tookMs: number | null): Finding[] {
  const version = facts.get('redis_version') ?? 'unknown';
  const findings: Finding[] = [];
  if (tookMs === null) {
    findings.push(
      fault('redis', 'What is published does not come back.', 'See that its ACL allows channels parley:*.'),
    );
  } else findings.push(ok('redis', `Redis ${version} carries a message in ${tookMs} ms.`));
  if (Number.parseInt(version, 10) < oldestMajor) {
    findings.push(fault('redis', `Redis ${version} is too old.`, 'Use Redis 7 or newer.'));
  }
  if (facts.get('maxmemory') !== '0' && facts.get('maxmemory_policy') === 'noeviction') {
    const says = 'When its memory is full it refuses to write (maxmemory-policy noeviction).';
    findings.push(warning('redis', says, 'Nothing in it is the only copy: set maxmemory-policy allkeys-lru.'));
  }
  return findings;
}

async function readFacts(redis: RedisConnection): Promise<ReadonlyMap<string, string>> {
  const text = `${await redis.info('server')}\n${await redis.info('memory')}`;
  return new Map(text.split(/\r?\n/).map((line) => [line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1)]));
}

/** How long a message was on its way; null where it did not come. */
async function echo(publisher: RedisConnection, subscriber: RedisConnection, withinMs: number): Promise<number | null> {
  const channel = 'parley:doctor';
  const sharded = publisher instanceof Cluster;
  const arrived = new Promise<boolean>((resolve) => {
    subscriber.on(sharded ? 'smessage' : 'message', () => resolve(true));
    AbortSignal.timeout(withinMs).addEventListener('abort', () => resolve(false));
  });
  await (sharded ? subscriber.ssubscribe(channel) : subscriber.subscribe(channel));
  const startedMs = performance.now();
  await (sharded ? publisher.spublish(channel, '') : publisher.publish(channel, ''));
  return (await arrived) ? Math.round(performance.now() - startedMs) : null;
}
