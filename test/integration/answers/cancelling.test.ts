import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '../../../src/identity/scope.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { InProcessPubSub } from '../../../src/platform/pubsub.js';
import { atMost } from '../../support/at-most.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance, type InstanceOptions } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let writer: Instance;
let other: Instance;
let proxy: OutageProxy;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  proxy = await OutageProxy.start(own.url);
});
afterEach(async () => {
  await other?.stop();
  await writer?.stop();
  await proxy.close();
  await sql.close();
  await own.drop();
});

/** They hear each other as over Redis, or not at all. */
async function startBoth(hear: boolean, options: Partial<InstanceOptions> = {}): Promise<void> {
  const pubsub = new InProcessPubSub();
  writer = await Instance.start({ url: own.url, pubsub, ...options });
  other = await Instance.start({ url: own.url, ...(hear && { pubsub }) });
}

const stored = (answerId: string) =>
  sql.row<{ status: string; runs: number }>(
    'SELECT status, (SELECT count(*)::integer FROM answer_runs) AS runs FROM messages WHERE id = $1',
    [answerId],
  );

/** Cancels at the other instance; gives how long it took until it was stored so. */
async function cancelMs(scope: Scope, answerId: string): Promise<number> {
  const atOther = await other.scopeOf(scope.viewer.id);
  const startMs = performance.now();
  const cancelling = other.answers.cancel(atOther, toPublicId('msg', answerId));
  await until('it is settled', async () => (await stored(answerId)).runs === 0);
  const tookMs = performance.now() - startMs;
  expect((await cancelling).status).toBe('CANCELLED');
  return tookMs;
}

/** Made at the other instance: longer than what is near at hand of it, so that a prompt is read from PostgreSQL. */
async function longConversation() {
  const atOther = await other.person();
  const { answer, conversation, model } = await other.ask(atOther);
  model.finish();
  await until('it is settled', async () => (await stored(answer.id)).runs === 0);
  const conversationId = toPublicId('cnv', conversation.id);
  const messages = Array.from({ length: 40 }, (_, number) => ({ role: 'USER' as const, content: `message ${number}` }));
  await other.answers.append(atOther, { conversationId, whenBusy: 'REJECT', messages });
  return { scope: await writer.scopeOf(atOther.viewer.id), conversationId };
}

describe.each([
  { how: 'with Redis', hear: true, withinMs: 1000 },
  { how: 'without Redis', hear: false, withinMs: 2000 },
])('A cancel at another instance $how is effective within $withinMs ms', ({ hear, withinMs }) => {
  it('while the model says nothing: its request is aborted', async () => {
    await startBoth(hear);
    const scope = await writer.person();
    const { answer, model } = await writer.ask(scope);
    expect(await cancelMs(scope, answer.id)).toBeLessThan(atMost(withinMs));
    expect(model.request.signal.aborted).toBe(true);
    expect(await stored(answer.id)).toEqual({ status: 'CANCELLED', runs: 0 });
  });

  it('while the prompt is still being read: the model is never asked', async () => {
    const onStatement = (name: string) => name === 'messages.ancestors' && proxy.silence();
    await startBoth(hear, { url: proxy.url, upkeepUrl: own.url, onStatement });
    const { scope, conversationId } = await longConversation();
    // What it reads back is on the same silent way.
    const sending = writer.send(scope, { conversationId }).catch(() => null);
    const { id } = await until('it is stored', async () => {
      const [row] = await sql.rows<{ id: string }>("SELECT id FROM messages WHERE status = 'STREAMING'");
      return row;
    });
    await until('its run has begun', () => writer.runs.count === 1);
    expect(await cancelMs(scope, id)).toBeLessThan(atMost(withinMs));
    expect(await stored(id)).toEqual({ status: 'CANCELLED', runs: 0 });
    proxy.cut();
    await sending;
    expect(writer.model.answers).toHaveLength(0);
  });
});

describe('A cancel and the end of the model, at the same time', () => {
  const races = 200;
  const atOnce = 20;

  async function turnsOfTheLoop(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await setImmediate();
  }

  /** How it ended, as everybody says who can tell. */
  async function race(scopes: ReadonlyMap<Instance, Scope>, random: SeededRandom): Promise<string> {
    const scopeAt = (instance: Instance) => {
      const scope = scopes.get(instance);
      if (!scope) throw new Error('Nobody is known there.');
      return scope;
    };
    const content = `question ${random.next()}`;
    const { answer } = await writer.send(scopeAt(writer), { content });
    const publicId = toPublicId('msg', answer.id);
    const model = await until('the model is asked', () =>
      writer.model.answers.find(({ request }) => request.messages.at(-1)?.content === content),
    );
    const ends = [writer, other].map(async (instance) => {
      for await (const event of await instance.answers.follow(scopeAt(instance), publicId, null)) {
        if (!('type' in event)) throw event.error;
        if (event.type === 'finished') return `${event.row.status} ${event.row.content}`;
      }
      throw new Error('It ended without an end.');
    });
    model.say('Some text.');
    const [beforeEnd, beforeCancel] = [random.between(0, 60), random.between(0, 60)];
    const canceller = random.of(writer, other);
    const [row] = await Promise.all([
      turnsOfTheLoop(beforeCancel).then(() => canceller.answers.cancel(scopeAt(canceller), publicId)),
      turnsOfTheLoop(beforeEnd).then(() => model.finish()),
    ]);
    const read = await Promise.all([writer, other].map((at) => at.answers.cancel(scopeAt(at), publicId)));
    const all = new Set([...(await Promise.all(ends)), ...[row, ...read].map((one) => `${one.status} ${one.content}`)]);
    expect(all.size).toBe(1);
    return row.status;
  }

  it(`gives one final state everywhere, in ${races} races`, () =>
    seeded(async (random) => {
      await startBoth(true, { poolSize: 10 });
      const outcomes = new Map<string, number>();
      const runner = async (fork: SeededRandom) => {
        const scope = await writer.person();
        const scopes = new Map([[writer, scope] as const, [other, await other.scopeOf(scope.viewer.id)] as const]);
        for (let number = 0; number < races / atOnce; number += 1) {
          const status = await race(scopes, fork);
          outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, () => runner(random.fork())));
      expect([...outcomes.keys()].toSorted()).toEqual(['CANCELLED', 'COMPLETE']);
      expect([...outcomes.values()].reduce((sum, count) => sum + count)).toBe(races);
      expect(await sql.row('SELECT count(*)::integer AS runs FROM answer_runs')).toEqual({ runs: 0 });
    }));
});
