import type { OperationKind, Result } from '../history.js';

/** The documents that clients send, and what of their answers the history keeps. */
export interface Document {
  readonly query: string;
  readonly resultOf: (data: Readonly<Record<string, unknown>>) => Result;
}

interface Id {
  readonly id: string;
}

const payload = <Payload>(data: Readonly<Record<string, unknown>>, name: string) => data[name] as Payload;

export const documents: Readonly<Record<OperationKind, Document>> = {
  createConversation: {
    query: 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { conversation { id } } }',
    resultOf: (data) => ({
      conversation: payload<{ conversation: Id }>(data, 'createConversation').conversation.id,
    }),
  },
  sendMessage: {
    query: `mutation ($input: SendMessageInput!) {
      sendMessage(input: $input) { conversation { id } message { id } answer { id } }
    }`,
    resultOf: (data) => {
      const sent = payload<{ conversation: Id; message: Id; answer: Id }>(data, 'sendMessage');
      return { conversation: sent.conversation.id, messages: [sent.message.id, sent.answer.id] };
    },
  },
  appendMessages: {
    query:
      'mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { conversation { id } messages { id } } }',
    resultOf: (data) => {
      const appended = payload<{ conversation: Id; messages: Id[] }>(data, 'appendMessages');
      return { conversation: appended.conversation.id, messages: appended.messages.map(({ id }) => id) };
    },
  },
  cancelAnswer: {
    query: 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id status } } }',
    resultOf: () => ({}),
  },
  updateConversation: {
    query: 'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    resultOf: () => ({}),
  },
  rateMessage: {
    query: 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }',
    resultOf: () => ({}),
  },
  deleteConversations: {
    query: 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }',
    resultOf: (data) => ({
      conversations: payload<{ deletedIds: string[] }>(data, 'deleteConversations').deletedIds,
    }),
  },
  readPage: {
    query: 'query ($id: ID!) { conversation(id: $id) { messages(last: 40) { nodes { id } } } }',
    resultOf: (data) => {
      const found = payload<{ messages: { nodes: Id[] } } | null>(data, 'conversation');
      return found ? { messages: found.messages.nodes.map(({ id }) => id) } : { messages: [] };
    },
  },
  readList: {
    query: 'query { conversations(first: 50) { nodes { id title preview messageCount } } }',
    resultOf: (data) => ({
      conversations: payload<{ nodes: Id[] }>(data, 'conversations').nodes.map(({ id }) => id),
    }),
  },
};
