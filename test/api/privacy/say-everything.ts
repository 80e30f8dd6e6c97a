import { append, appendMutation, attempt, create, readMessage, send } from '../../support/conversations.js';
import { answered, bytes, chunk, event, ModelByHand, withStatus } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { search } from '../../support/searching.js';
import { until } from '../../support/until.js';
import { canary, marker } from './canaries.js';
import type { SweptDeployment } from './swept-deployment.js';

/** An answer that is being written, and followed at the other instance. */
export interface RunningAnswer {
  readonly id: string;
  readonly hand: ModelByHand;
  /** What the follower was told so far. */
  heard(): string;
  /** Ends the following; resolves when it has ended. */
  unfollow(): Promise<void>;
}

/** Everything that `startAnswer` says and that its owner can read back. */
export const said = [
  ...['title', 'prompt', 'metakey', 'metavalue', 'deep', 'appended', 'appendedanswer', 'appendedreasoning', 'tool'],
  ...['question', 'sendkey', 'comment', 'reasoning', 'answer'],
];

const metadata = { [canary('metakey')]: canary('metavalue'), nested: [{ deep: canary('deep') }] };

/** A conversation with a canary in everything that can be said in one; its answer is left to the model's hand. */
export async function startAnswer(deployment: SweptDeployment, number: number): Promise<RunningAnswer> {
  const by = await deployment.person(deployment.writer, number);
  const hand = new ModelByHand();
  const question = `${canary('question')} ${number}`;
  deployment.model.answer(question, hand.reply);
  const conversationId = await create(by, {
    title: `${canary('title')} ${number}`,
    systemPrompt: canary('prompt'),
    metadata,
    idempotencyKey: `${canary('key')} ${number}`,
  });
  const messages = [
    { role: 'USER', content: canary('appended'), metadata },
    { role: 'ASSISTANT', content: canary('appendedanswer'), reasoning: canary('appendedreasoning') },
    { role: 'TOOL', content: canary('tool') },
  ];
  await append(by, { conversationId, messages, idempotencyKey: `${canary('appendkey')} ${number}` });
  for (const query of [`${canary('appended')} ${canary('appended')} `, canary('appende'), canary('query')]) {
    await search(by, { query, conversationId });
  }
  const input = { conversationId, content: question, metadata, idempotencyKey: `${canary('sendkey')} ${number}` };
  const { message, answer } = await send(by, input);
  await by.data('mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }', {
    input: { messageId: message.id, rating: 'UP', comment: canary('comment') },
  });
  return { id: answer.id, hand, ...follow(await deployment.person(deployment.follower, number), answer.id) };
}

function follow(by: Person, id: string): Pick<RunningAnswer, 'heard' | 'unfollow'> {
  const events = by.follow<{ answer: { text?: string; reasoning?: string | null } }>(
    'subscription ($id: ID!) { answer(messageId: $id) { ... on AnswerDelta { text reasoning } } }',
    { id },
  );
  let heard = '';
  const listen = async () => {
    for await (const { data } of events) heard += `${data?.answer.reasoning ?? ''}${data?.answer.text ?? ''}`;
  };
  const ended = listen().catch(() => undefined);
  return {
    heard: () => heard,
    unfollow: async () => {
      void events.return(undefined);
      await ended;
    },
  };
}

/** Models that fail in every way while they quote the prompt. */
export async function failModels({ model }: SweptDeployment, by: Person): Promise<void> {
  const quoting = {
    error: { message: canary('said'), type: canary('type'), code: canary('code'), param: canary('param') },
  };
  const begun = chunk({ content: canary('begun') });
  const replies = {
    refused: withStatus(400, quoting),
    unauthorised: withStatus(401, quoting, { 'x-request-id': canary('header') }),
    broken: withStatus(500, canary('page')),
    midway: bytes(begun, event(quoting)),
    malformed: bytes(begun, `data: {"${canary('malformed')}\n\n`),
    reason: bytes(begun, chunk({}, `${canary('reason')} ${marker}`)),
    whole: answered(canary('whole')),
  };
  for (const [name, reply] of Object.entries(replies)) {
    const question = `${canary('question')} ${name}`;
    model.answer(question, reply);
    const { answer } = await send(by, { content: question });
    await until(`the answer is final (${name})`, async () => (await readMessage(by, answer.id)).status !== 'STREAMING');
  }
}

/** A database that quotes a text in its error, as drivers do. Gives the code of the client's error. */
export async function failDatabase({ sql }: SweptDeployment, by: Person): Promise<string | undefined> {
  await sql.rows(`CREATE FUNCTION quote_model() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no model %', NEW.model USING DETAIL = NEW.model; END $$`);
  await sql.rows(`CREATE TRIGGER quoting BEFORE INSERT ON messages
    FOR EACH ROW WHEN (NEW.role = 'TOOL') EXECUTE FUNCTION quote_model()`);
  const messages = [{ role: 'TOOL', content: canary('internal'), model: canary('model') }];
  const input = { conversationId: await create(by, {}), messages };
  const { code } = await attempt(by, appendMutation, { input });
  await sql.rows('DROP TRIGGER quoting ON messages');
  return code;
}
