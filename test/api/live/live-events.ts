import type { Person } from '../../support/person.js';

const fields = 'id status content rating';

export const followConversation = `subscription ($id: ID!, $after: String) { conversation(id: $id, after: $after) {
  __typename
  ... on AnswerDelta { messageId offset text cursor message { ${fields} } }
  ... on AnswerFinished { message { ${fields} } cursor }
  ... on MessageChanged { message { ${fields} } cursor }
  ... on ConversationChanged { conversation { id title messageCount } branchChanged cursor }
  ... on ConversationDeleted { conversationId }
} }`;

interface EventMessage {
  readonly id: string;
  readonly status: string;
  readonly content: string;
  readonly rating: string | null;
}

/** Whatever a follower of a conversation is told; which of the fields are there depends on `__typename`. */
export interface LiveEvent {
  readonly __typename: string;
  readonly messageId?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly message?: EventMessage;
  readonly branchChanged?: boolean;
  readonly cursor: string;
}

/** The events from a cursor on until there are enough; then the subscription is left. */
export async function eventsUntil(
  person: Person,
  { id, after = null }: { readonly id: string; readonly after?: string | null },
  isEnough: (event: LiveEvent, events: readonly LiveEvent[]) => boolean | Promise<boolean>,
): Promise<LiveEvent[]> {
  const events: LiveEvent[] = [];
  for await (const { data, errors } of person.follow<{ conversation: LiveEvent }>(followConversation, { id, after })) {
    if (!data) throw new Error(`An event without data: ${JSON.stringify(errors)}`);
    events.push(data.conversation);
    if (await isEnough(data.conversation, events)) return events;
  }
  return events;
}

export const isHeader = ({ __typename }: LiveEvent) => __typename === 'ConversationChanged';
export const isEnd = ({ __typename }: LiveEvent) => __typename === 'AnswerFinished';
export const kindsOf = (events: readonly LiveEvent[]) => events.map(({ __typename }) => __typename);

/** A cursor of a read now. */
export async function syncCursorOf(person: Person, id: string): Promise<string> {
  const query = 'query ($id: ID!) { conversation(id: $id) { syncCursor } }';
  return (await person.data<{ conversation: { syncCursor: string } }>(query, { id })).conversation.syncCursor;
}

export async function rate(person: Person, messageId: string, rating: 'UP' | 'DOWN' | null): Promise<void> {
  const mutation = 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }';
  await person.data(mutation, { input: { messageId, rating } });
}
