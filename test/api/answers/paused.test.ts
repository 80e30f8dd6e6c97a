import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { readMessage, send } from '../../support/conversations.js';
import { answered, ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { SqlClient } from '../../support/sql-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

/** More than the lease, the doubt, and a sweep before and after each: crash.test.ts says how much that may be. */
const settledMs = 60_000;

let folder: TemporaryFolder;
let model: ScriptedModel;
let other: TestApp;
let sql: SqlClient;
let server: ServerProcess;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  other = await startApp({ redis: true, env: { ...model.env, LIMITS: patience } });
  sql = await SqlClient.connect(other.database.url);
  server = await ServerProcess.start({ beside: other, folder: folder.path });
});
afterAll(async () => {
  await server?.kill();
  await sql?.close();
  await other?.close();
  await model?.stop();
  await folder?.remove();
});

/** All that an answer is made of, as PostgreSQL holds it. */
const storedRows = () =>
  sql.row(`SELECT
    (SELECT json_agg(message ORDER BY id) FROM messages AS message) AS messages,
    (SELECT json_agg(conversation) FROM conversations AS conversation) AS conversations,
    (SELECT count(*) FROM answer_runs) AS runs,
    (SELECT count(*) FROM answer_chunks) AS chunks`);

describe('An instance that stands still for longer than its lease, and goes on', () => {
  it('writes nothing: its followers are told what PostgreSQL says, its model is let go and not asked again, and it serves on', async () => {
    const [question, byHand] = [randomUUID(), new ModelByHand()];
    model.answer(question, byHand.reply);
    const person = server.person(question);
    const { answer } = await send(person, { content: question });
    const [here, apart] = [
      await AnswerFollower.open(person, answer.id),
      await AnswerFollower.open(other.person(question), answer.id),
    ];
    const before = 'Said before. ';
    await byHand.text(before);
    for (const follower of [here, apart]) await follower.has(before);
    await until('it is durable', async () => (await readMessage(other.person(question), answer.id)).content === before);

    server.signal('SIGSTOP');
    await byHand.text('Said while it stood still. ');
    const final = await apart.end(settledMs);
    expect(final).toMatchObject({
      status: 'INTERRUPTED',
      content: before,
      error: { code: 'INSTANCE_LOST', retryable: true },
    });
    const settled = await storedRows();
    await byHand.text('And this.');
    server.signal('SIGCONT');

    expect(await here.end()).toEqual(final);
    expect([here.content, here.broken, here.errors]).toEqual([before, [], []]);
    // Its request was aborted, not served to its end.
    const { closed } = await model.call(question);
    expect(await closed).toBe(false);
    expect(await storedRows()).toEqual(settled);
    expect(model.timesAsked(question)).toBe(1);

    const next = randomUUID();
    model.answer(next, answered('It serves on.'));
    const sent = await send(person, { content: next });
    const follower = await AnswerFollower.open(person, sent.answer.id);
    expect(await follower.end()).toMatchObject({ status: 'COMPLETE', content: 'It serves on.' });
    for (const one of [here, apart, follower]) one.close();
  });
});
