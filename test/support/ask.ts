import { type Sent, send } from './conversations.js';
import { answered, type ModelCall, type ModelServer } from './model-server.js';
import type { Person } from './person.js';
import { until } from './until.js';

/** What the model was shown, in its order: `role: content`. */
export function promptOf({ body }: ModelCall): string[] {
  const messages: unknown = body.messages;
  if (!Array.isArray(messages)) throw new Error('The model was shown nothing.');
  return messages.map(({ role, content }: { role: string; content: string }) => `${role}: ${content}`);
}

/** A send whose answer is over, and what the model was shown for it. */
export async function ask(
  person: Person,
  model: ModelServer,
  input: object,
  answer = 'Well.',
): Promise<Sent['sendMessage'] & { readonly prompt: readonly string[]; readonly call: ModelCall }> {
  model.replyWith(answered(answer));
  const sent = await send(person, input);
  await isOver(person, sent.answer.id);
  const call = await model.call(1);
  return { ...sent, prompt: promptOf(call), call };
}

/** Resolves when an answer is final. */
export async function isOver(person: Person, answerId: string): Promise<void> {
  const query = 'query ($id: ID!) { message(id: $id) { status } }';
  await until('the answer is over', async () => {
    const { message } = await person.data<{ message: { status: string } }>(query, { id: answerId });
    return message.status !== 'STREAMING';
  });
}
