import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '../../../src/identity/scope.js';
import type { Database } from '../../../src/platform/database.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { ManualClock } from '../../support/manual-clock.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { type CutPlace, CuttingProxy } from './cutting-proxy.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let requests: CuttingProxy;
let upkeep: CuttingProxy;
let instance: Instance;
let scope: Scope;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  requests = await CuttingProxy.start(own.url);
  upkeep = await CuttingProxy.start(own.url);
  instance = await Instance.start({ url: requests.url, upkeepUrl: upkeep.url });
  scope = await instance.person();
});

afterEach(async () => {
  await instance.stop(0);
  await requests.close();
  await upkeep.close();
  await sql.close();
  await own.drop();
});

const places: CutPlace[] = ['before it arrives', 'before its answer arrives'];

interface Stored {
  readonly status: string;
  readonly position: number;
}

const stored = () => sql.rows<Stored>('SELECT status, position FROM messages ORDER BY position');

const opened = async (answerId: string) => {
  const events = await instance.answers.follow(scope, toPublicId('msg', answerId), null);
  let text = '';
  for await (const event of events) {
    if (!('type' in event)) throw event.error;
    if (event.type === 'delta') text += event.piece.content;
    else return { text, status: event.row.status };
  }
  throw new Error('It ended without an end.');
};

describe('A send whose COMMIT is cut', () => {
  it.each(places)('%s is carried out once: the same ids, one run, the model asked once', async (place) => {
    requests.cutAt('COMMIT', place);
    const sent = await instance.send(scope, { idempotencyKey: 'the key' });
    expect(requests.cuts).toBe(1);
    expect(await stored()).toEqual([
      { status: 'COMPLETE', position: 1 },
      { status: 'STREAMING', position: 2 },
    ]);
    const model = await instance.model.asked(0);
    model.say('Once.');
    model.finish();
    expect(await opened(sent.answer.id)).toEqual({ text: 'Once.', status: 'COMPLETE' });
    const again = await instance.send(scope, { idempotencyKey: 'the key' });
    expect([again.message.id, again.answer.id]).toEqual([sent.message.id, sent.answer.id]);
    expect(instance.model.answers).toHaveLength(1);
    expect(await sql.row('SELECT count(*)::integer AS count FROM requests')).toEqual({ count: 1 });
  });

  it.each(places)('%s on an existing conversation is carried out once', async (place) => {
    const first = await instance.send(scope);
    (await instance.model.asked(0)).finish();
    await opened(first.answer.id);
    requests.cutAt('COMMIT', place);
    const conversationId = toPublicId('cnv', first.conversation.id);
    const sent = await instance.send(scope, { conversationId });
    expect((await stored()).map(({ position }) => position)).toEqual([1, 2, 3, 4]);
    expect([sent.message.position, sent.answer.position]).toEqual([3, 4]);
    const model = await instance.model.asked(1);
    expect(model.request.messages.map(({ role }) => role)).toEqual(['USER', 'USER']);
    model.finish();
    expect(await opened(sent.answer.id)).toMatchObject({ status: 'COMPLETE' });
  });
});

describe('A send whose COMMIT was carried out, though nobody was told', () => {
  /** The same database, whose second transaction waits. */
  const waitingForItsSecond = (database: Database) => {
    const reached = Promise.withResolvers<void>();
    const open = Promise.withResolvers<void>();
    let begun = 0;
    const transaction: Database['transaction'] = async (work) => {
      begun += 1;
      if (begun === 2) {
        reached.resolve();
        await open.promise;
      }
      return await database.transaction(work);
    };
    const waiting: Database = Object.assign(Object.create(database), { transaction });
    return { database: waiting, reached: reached.promise, open: open.resolve };
  };

  it('and whose answer was cancelled before that was learned, does not ask the model', async () => {
    const waiting = waitingForItsSecond(instance.database);
    const one = Instance.over({ ...instance, database: waiting.database }, {});
    const other = await Instance.start({ url: own.url });
    requests.cutAt('COMMIT', 'before its answer arrives');
    const sending = one.send(await one.scopeOf(scope.viewer.id));
    await waiting.reached;
    const { id } = await sql.row<{ id: string }>('SELECT id FROM conversations');
    const conversationId = toPublicId('cnv', id);
    const elsewhere = await other.scopeOf(scope.viewer.id);
    const next = await other.ask(elsewhere, { conversationId, whenBusy: 'CANCEL' });
    waiting.open();
    expect((await sending).answer.status).toBe('CANCELLED');
    await until('the model is asked, or nobody will', () => one.runs.count === 0 || one.model.answers.length > 0);
    const asked = one.model.answers.length;
    await one.runs.drain(0, 5000);
    expect(asked).toBe(0);
    next.model.finish();
    one.keyring.close();
    await other.stop();
  });
});

describe('A send whose COMMIT is cut again when it is run again', () => {
  const refusal = { extensions: { code: 'UNAVAILABLE', retryable: true } };

  it('is refused for now, and where it was carried out it is answered all the same: nobody else would', async () => {
    requests.cutAt('COMMIT', 'before its answer arrives', 2);
    await expect(instance.send(scope, { idempotencyKey: 'the key' })).rejects.toMatchObject(refusal);
    expect(requests.cuts).toBe(2);
    const model = await instance.model.asked(0);
    const again = await instance.send(scope, { idempotencyKey: 'the key' });
    model.say('Once.');
    model.finish();
    expect(await opened(again.answer.id)).toEqual({ text: 'Once.', status: 'COMPLETE' });
    expect(instance.model.answers).toHaveLength(1);
  });

  it('and that is cancelled while nobody knows yet, ends CANCELLED for its followers and for the model', async () => {
    requests.cutAt('COMMIT', 'before its answer arrives', 2);
    requests.cutAt('messages.byIds', 'before it arrives', 1);
    await expect(instance.send(scope, { idempotencyKey: 'the key' })).rejects.toMatchObject(refusal);
    await until('nobody knows', () => requests.cuts === 3);
    const [answer] = await sql.rows<{ id: string }>("SELECT id FROM messages WHERE status = 'STREAMING'");
    if (!answer) throw new Error('It was not carried out.');
    const followed = opened(answer.id);
    await instance.answers.cancel(scope, toPublicId('msg', answer.id));
    expect(await followed).toEqual({ text: '', status: 'CANCELLED' });
    expect(await stored()).toMatchObject([{ status: 'COMPLETE' }, { status: 'CANCELLED' }]);
    expect(instance.model.answers).toHaveLength(0);
  });

  /** Longer than a lease lives, by the time that the instance goes by. */
  const muchLater = (clock: ManualClock, isEnough = () => true) =>
    until('it was looked for in vain for long', async () => {
      await clock.advance(500);
      return clock.passedMs > 20_000 && isEnough();
    });

  const startWith = async (clock: ManualClock) => {
    await instance.stop(0);
    instance = await Instance.start({ url: requests.url, upkeepUrl: upkeep.url, clock });
    scope = await instance.person();
  };

  const isAnswered = async (clock: ManualClock) => {
    await until('the model is asked', async () => {
      await clock.advance(500);
      return instance.model.answers.length === 1;
    });
    (await instance.model.asked(0)).finish();
    const again = await instance.send(scope, { idempotencyKey: 'the key' });
    expect(await opened(again.answer.id)).toMatchObject({ status: 'COMPLETE' });
  };

  it('is answered also where PostgreSQL is away for longer than a lease lives', async () => {
    const clock = new ManualClock();
    await startWith(clock);
    requests.cutAt('COMMIT', 'before its answer arrives', 2);
    await expect(instance.send(scope, { idempotencyKey: 'the key' })).rejects.toMatchObject(refusal);
    requests.cutAt('requests.claimForOwner', 'before it arrives', 30);
    await muchLater(clock, () => requests.cuts === 32);
    await isAnswered(clock);
  });

  it('is answered also where the first COMMIT comes late', async () => {
    const clock = new ManualClock();
    await startWith(clock);
    requests.cutAt('COMMIT', 'long before it arrives');
    await expect(instance.send(scope, { idempotencyKey: 'the key' })).rejects.toMatchObject(refusal);
    await muchLater(clock);
    requests.arrive();
    await isAnswered(clock);
  });

  it('is refused for now, and where it was not carried out nothing is begun', async () => {
    requests.cutAt('COMMIT', 'before it arrives', 2);
    await expect(instance.send(scope, { idempotencyKey: 'the key' })).rejects.toMatchObject(refusal);
    expect(requests.cuts).toBe(2);
    await until('nothing is stored', async () => (await stored()).length === 0);
    const { answer, model } = await instance.ask(scope, { idempotencyKey: 'the key' });
    model.finish();
    expect(await opened(answer.id)).toMatchObject({ status: 'COMPLETE' });
    await instance.stop(0);
    expect(instance.model.answers).toHaveLength(1);
  });
});

describe('An edit or a regeneration whose COMMIT is cut', () => {
  it.each(places)('%s is carried out once', async (place) => {
    const first = await instance.send(scope);
    (await instance.model.asked(0)).finish();
    await opened(first.answer.id);
    requests.cutAt('COMMIT', place);
    const messageId = toPublicId('msg', first.message.id);
    const edited = await instance.answers.edit(scope, { messageId, content: 'Else?', whenBusy: 'REJECT' });
    (await instance.model.asked(1)).finish();
    await opened(edited.answer.id);
    requests.cutAt('COMMIT', place);
    const answerId = toPublicId('msg', edited.answer.id);
    const again = await instance.answers.regenerate(scope, { messageId: answerId, whenBusy: 'REJECT' });
    (await instance.model.asked(2)).finish();
    await opened(again.answer.id);
    expect(requests.cuts).toBe(2);
    expect(again.message?.id).toBe(edited.message.id);
    expect([edited.message.position, edited.answer.position, again.answer.position]).toEqual([3, 4, 5]);
    expect((await stored()).map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
    expect(instance.model.answers).toHaveLength(3);
  });
});

describe('A checkpoint whose outcome is unknown', () => {
  it.each(places)(
    '%s loses and doubles nothing: the writer goes on from where PostgreSQL has the text',
    async (place) => {
      const sent = await instance.send(scope);
      const model = await instance.model.asked(0);
      model.say('one ');
      const durable = async (length: number) =>
        (await sql.row<{ n: number }>('SELECT durable_content AS n FROM answer_runs')).n === length;
      await until('the first is durable', () => durable(4));
      upkeep.cutAt('runs.checkpoint', place);
      model.say('two ');
      await until('it was cut', () => upkeep.cuts === 1);
      model.say('three');
      await until('all is durable', () => durable(13));
      const reader = await Instance.start({ url: own.url });
      const followed = reader.replicas.take(scope.viewer.id, sent.answer.id);
      await until('it is read', () => followed.live.end.content === 13);
      expect(followed.live.upTo(followed.live.end).content).toBe('one two three');
      followed.release();
      await reader.stop();
    },
  );
});

describe('A settling whose COMMIT is cut', () => {
  it.each(places)('%s is done once, and its followers are told of it', async (place) => {
    const sent = await instance.send(scope);
    const model = await instance.model.asked(0);
    const followed = opened(sent.answer.id);
    model.say('The end.');
    upkeep.cutAt('COMMIT', place);
    model.finish();
    expect(await followed).toEqual({ text: 'The end.', status: 'COMPLETE' });
    expect(upkeep.cuts).toBe(1);
    expect(await sql.row('SELECT revision FROM conversations')).toEqual({ revision: 3 });
    expect(await sql.row('SELECT count(*)::integer AS count FROM answer_runs')).toEqual({ count: 0 });
    expect(await sql.row('SELECT count(*)::integer AS count FROM answer_chunks')).toEqual({ count: 0 });
  });
});
