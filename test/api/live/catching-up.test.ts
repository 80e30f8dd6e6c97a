import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { isOver } from '../../support/ask.js';
import { append, create, readMessage, send } from '../../support/conversations.js';
import { answered, ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { until } from '../../support/until.js';
import { eventsUntil, isEnd, isHeader, kindsOf, type LiveEvent, rate, syncCursorOf } from './live-events.js';

/** So few that a short text takes several deltas. */
const deltaCodeUnits = 8;

let model: ScriptedModel;
let one: TestApp;

beforeAll(async () => {
  model = await ScriptedModel.start();
  const limits = { ...JSON.parse(patience), deltaCodeUnits };
  one = await startApp({ env: { ...model.env, LIMITS: JSON.stringify(limits) } });
});
afterAll(async () => {
  await one?.close();
  await model?.stop();
});

let questions = 0;

/** A question whose answer is written by hand, sent. */
async function ask(person: Person, conversationId: string, parentId?: string) {
  questions += 1;
  const answer = new ModelByHand();
  model.answer(`question ${questions}`, answer.reply);
  const sent = await send(person, { conversationId, content: `question ${questions}`, ...(parentId && { parentId }) });
  return { ...sent, byHand: answer };
}

const isDurable = (person: Person, id: string, content: string) =>
  until('its text is durable', async () => (await readMessage(person, id)).content === content);

const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

describe('Catching up', () => {
  it('gives the messages that changed, in the order of their changes, and the header last', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { messages } = await append(ada, { conversationId: id, messages: said('one', 'two', 'three') });
    const after = await syncCursorOf(ada, id);
    await append(ada, { conversationId: id, messages: said('four') });
    await rate(ada, messages[0]?.id ?? '', 'UP');
    const events = await eventsUntil(ada, { id, after }, isHeader);
    expect(events.map(({ message }) => message?.content)).toEqual(['four', 'one', undefined]);
  });

  it('costs what changed: more than a page of it comes whole', async () => {
    const ada = one.person();
    const id = await create(ada);
    const after = await syncCursorOf(ada, id);
    const batch = (number: number) =>
      append(ada, { conversationId: id, messages: said(...Array.from({ length: 100 }, (_, at) => `${number}/${at}`)) });
    for (const number of [1, 2, 3]) await batch(number);
    const events = await eventsUntil(ada, { id, after }, isHeader);
    const contents = events.flatMap(({ message }) => (message ? [message.content] : []));
    expect(contents).toHaveLength(300);
    expect(new Set(contents).size).toBe(300);
    expect([contents[0], contents[299]]).toEqual(['1/0', '3/99']);
    // From the middle of a page, and of a revision.
    const resumed = await eventsUntil(ada, { id, after: events[150]?.cursor ?? '' }, isHeader);
    expect(resumed.map(({ message }) => message?.content)).toEqual(
      events.slice(151).map((event) => event.message?.content),
    );
  });

  it('branchChanged: another branch became visible since the cursor, also where the catch-up was cut short', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { messages } = await append(ada, { conversationId: id, messages: said('one', 'two') });
    const after = await syncCursorOf(ada, id);
    await append(ada, { conversationId: id, parentId: messages[0]?.id, messages: said('other two', 'other three') });
    await append(ada, { conversationId: id, messages: said('other four') });
    const events = await eventsUntil(ada, { id, after }, isHeader);
    expect(events).toHaveLength(4);
    for (const { cursor } of events.slice(0, -1)) {
      const resumed = await eventsUntil(ada, { id, after: cursor }, isHeader);
      expect(resumed.at(-1)?.branchChanged).toBe(true);
    }
  });

  it('after a failover that lost what the cursor has seen gives all that is left, and says to read it again', async () => {
    const ada = one.person();
    const id = await create(ada);
    await append(ada, { conversationId: id, messages: said('one') });
    const sql = await SqlClient.connect(one.database.url);
    const where = `WHERE id = '${uuidOf(id)}'`;
    const kept = await sql.row<Record<string, unknown>>(
      `SELECT revision, last_position, leaf_id, leaf_position, leaf_segment, message_count FROM conversations ${where}`,
    );
    await append(ada, { conversationId: id, messages: said('two') });
    const after = await syncCursorOf(ada, id);
    const columns = Object.keys(kept).map((column, index) => `${column} = $${index + 1}`);
    await sql.rows(`UPDATE conversations SET ${columns.join()} ${where}`, Object.values(kept));
    await sql.rows('DELETE FROM messages WHERE conversation_id = $1 AND position > 1', [uuidOf(id)]);
    await sql.close();
    const events = await eventsUntil(ada, { id, after }, isHeader);
    expect(events.map(({ message }) => message?.content)).toEqual(['one', undefined]);
    expect(events[1]?.branchChanged).toBe(true);
    const resumed = await eventsUntil(ada, { id, after: events[0]?.cursor ?? '' }, isHeader);
    expect(resumed[0]?.branchChanged).toBe(true);
    await append(ada, { conversationId: id, messages: said('three') });
    const next = await eventsUntil(ada, { id, after: events[1]?.cursor ?? '' }, isHeader);
    expect(next.map(({ message }) => message?.content)).toEqual(['three', undefined]);
  });

  it('AnswerFinished comes only for the answer that ran at the cursor, MessageChanged for all others', async () => {
    const ada = one.person();
    const id = await create(ada);
    const first = await ask(ada, id);
    await first.byHand.text('First.');
    await isDurable(ada, first.answer.id, 'First.');
    const after = await syncCursorOf(ada, id);
    await first.byHand.finish();
    await isOver(ada, first.answer.id);
    model.answer('and then', answered('Second.'));
    const second = await send(ada, { conversationId: id, content: 'and then' });
    await isOver(ada, second.answer.id);
    const events = await eventsUntil(ada, { id, after }, isHeader);
    expect(kindsOf(events)).toEqual(['AnswerFinished', 'MessageChanged', 'MessageChanged', 'ConversationChanged']);
    expect(events[0]?.message).toMatchObject({ id: first.answer.id, content: 'First.' });
  });

  it('gives AnswerFinished of the answer that ran at the cursor, though it was rated since and another runs', async () => {
    const ada = one.person();
    const id = await create(ada);
    const first = await ask(ada, id);
    await first.byHand.text('First.');
    await isDurable(ada, first.answer.id, 'First.');
    const after = await syncCursorOf(ada, id);
    await first.byHand.finish();
    await isOver(ada, first.answer.id);
    const second = await ask(ada, id);
    await rate(ada, first.answer.id, 'UP');
    const events = await eventsUntil(ada, { id, after }, isHeader);
    const ends = events.filter(isEnd);
    expect(ends.map(({ message }) => message?.id)).toEqual([first.answer.id]);
    const begun = events.findIndex(({ message }) => message?.id === second.answer.id);
    expect(events.findIndex(isEnd)).toBeLessThan(begun);
    await second.byHand.finish();
  });

  it('a delta and the end each hold the message as of then', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { byHand, answer } = await ask(ada, id);
    const after = await syncCursorOf(ada, id);
    const text = 'A text that takes several deltas.';
    await byHand.text(text);
    await byHand.finish();
    await isOver(ada, answer.id);
    const events = await eventsUntil(ada, { id, after }, isEnd);
    expect(events.length).toBeGreaterThan(3);
    let content = '';
    for (const event of events) {
      if (event.text !== undefined) content = content.slice(0, event.offset) + event.text;
      expect(event.message?.content).toBe(content);
    }
    expect(content).toBe(text);
  });
});

describe('A running answer', () => {
  it('is resumed from the first header, which its follower had before it was cut', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { byHand, answer } = await ask(ada, id);
    await byHand.text('Once ');
    await isDurable(ada, answer.id, 'Once ');
    const [header] = await eventsUntil(ada, { id }, isHeader);
    const resumed = await eventsUntil(ada, { id, after: header?.cursor ?? '' }, isHeader);
    expect(resumed[0]?.message).toMatchObject({ status: 'STREAMING', content: 'Once ' });
    await byHand.finish();
  });

  it('on a branch that is not shown comes whole before its deltas, since who read the pages does not have it', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { messages } = await append(ada, { conversationId: id, messages: said('one', 'two') });
    const { byHand, answer } = await ask(ada, id, messages[0]?.id);
    await byHand.text('Once ');
    await isDurable(ada, answer.id, 'Once ');
    const select = 'mutation ($id: ID!) { selectBranch(messageId: $id) { conversation { id } } }';
    await ada.data(select, { id: messages[1]?.id });
    const events = await eventsUntil(ada, { id, after: await syncCursorOf(ada, id) }, async (event) => {
      if (isHeader(event)) await byHand.text('upon');
      return event.text !== undefined;
    });
    const ofAnswer = events.filter((event) => event.message?.id === answer.id);
    expect(kindsOf(ofAnswer)).toEqual(['MessageChanged', 'AnswerDelta']);
    expect(ofAnswer.map(({ message }) => message?.content)).toEqual(['Once ', 'Once upon']);
    await byHand.finish();
  });

  it('that is rated comes with the text that its follower has: no delta begins beyond it', async () => {
    const ada = one.person();
    const id = await create(ada);
    const { byHand, answer } = await ask(ada, id);
    const after = await syncCursorOf(ada, id);
    let content = '';
    const grow = async (event: LiveEvent, events: readonly LiveEvent[]) => {
      if (event.message && event.text === undefined) content = event.message.content;
      if (event.text !== undefined) {
        expect(event.offset).toBeLessThanOrEqual(content.length);
        content = content.slice(0, event.offset) + event.text;
      }
      // At once, while what was said is not durable yet.
      if (events.length === 1) await rate(ada, answer.id, 'UP');
      if (event.message?.rating === 'UP' && event.text === undefined && !isEnd(event)) {
        expect(content).toMatch(/^Once /);
        await byHand.text('upon a time');
        await byHand.finish();
      }
      return isEnd(event);
    };
    const events = eventsUntil(ada, { id, after }, grow);
    await byHand.text('Once ');
    await events;
    expect(content).toBe('Once upon a time');
  });
});
