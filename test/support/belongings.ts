import { send } from './conversations.js';
import { answered, type ModelServer } from './model-server.js';
import type { Person } from './person.js';
import { type SqlClient, uuidOf } from './sql-client.js';
import { until } from './until.js';

/** Ids of what belongs to somebody. */
export interface Belongings {
  readonly conversation: string;
  readonly message: string;
  readonly answer: string;
}

/** A conversation with a question and its answer, which is final; the model is told what to say. */
export async function belongingsOf(person: Person, model: ModelServer, sql: SqlClient): Promise<Belongings> {
  model.replyWith(answered('An ', 'answer.'));
  const { conversation, message, answer } = await send(person, { content: 'Mine.' });
  await until('the answer is final', async () => {
    return (await sql.rows('SELECT FROM answer_runs WHERE message_id = $1', [uuidOf(answer.id)])).length === 0;
  });
  return { conversation: conversation.id, message: message.id, answer: answer.id };
}
