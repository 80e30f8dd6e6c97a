import { namesIn } from '../deployment/speech.js';
import type { OperationKind, Result } from '../history.js';

/** The documents that clients send, and what of their answers the history keeps. */
export interface Document {
  readonly query: string;
  readonly resultOf: (data: Readonly<Record<string, unknown>>) => Result;
}

interface Id {
  readonly id: string;
}

interface Texts {
  readonly content: string;
  readonly reasoning: string | null;
}

interface Page {
  readonly title: string;
  readonly messages: { readonly nodes: readonly (Id & Texts)[] };
}

/** Messages that a page holds at most. */
export const pageSize = 40;

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
  editMessage: {
    query: `mutation ($input: EditMessageInput!) {
      editMessage(input: $input) { conversation { id } message { id } answer { id } }
    }`,
    resultOf: (data) => {
      const sent = payload<{ conversation: Id; message: Id; answer: Id }>(data, 'editMessage');
      return { conversation: sent.conversation.id, messages: [sent.message.id, sent.answer.id] };
    },
  },
  regenerateAnswer: {
    query: `mutation ($input: RegenerateAnswerInput!) {
      regenerateAnswer(input: $input) { conversation { id } answer { id } }
    }`,
    resultOf: (data) => {
      const { conversation, answer } = payload<{ conversation: Id; answer: Id }>(data, 'regenerateAnswer');
      return { conversation: conversation.id, messages: [answer.id] };
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
    resultOf: (data) => ({
      status: payload<{ message: { status: string } }>(data, 'cancelAnswer').message.status,
    }),
  },
  updateConversation: {
    query: 'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    resultOf: () => ({}),
  },
  rateMessage: {
    query: 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }',
    resultOf: () => ({}),
  },
  selectBranch: {
    query: 'mutation ($id: ID!) { selectBranch(messageId: $id) { conversation { id } } }',
    resultOf: () => ({}),
  },
  eraseMessage: {
    query: 'mutation ($id: ID!) { eraseMessage(messageId: $id) { message { id content reasoning } } }',
    resultOf: (data) => {
      const { content, reasoning } = payload<{ message: Texts }>(data, 'eraseMessage').message;
      return { says: namesIn([content, reasoning]) };
    },
  },
  deleteConversations: {
    query: 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }',
    resultOf: (data) => ({
      conversations: payload<{ deletedIds: string[] }>(data, 'deleteConversations').deletedIds,
    }),
  },
  readPage: {
    query: `query ($id: ID!) { conversation(id: $id) {
      title messages(last: ${pageSize}) { nodes { id content reasoning } }
    } }`,
    resultOf: (data) => {
      const found = payload<Page | null>(data, 'conversation');
      if (!found) return { messages: [] };
      const {
        title,
        messages: { nodes },
      } = found;
      const says = namesIn([title, ...nodes.flatMap(({ content, reasoning }) => [content, reasoning])]);
      return { messages: nodes.map(({ id }) => id), says };
    },
  },
  readList: {
    query: 'query { conversations(first: 50) { nodes { id title preview messageCount } } }',
    resultOf: (data) => {
      const { nodes } = payload<{ nodes: (Id & { title: string; preview: string | null })[] }>(data, 'conversations');
      const says = namesIn(nodes.flatMap(({ title, preview }) => [title, preview]));
      return { conversations: nodes.map(({ id }) => id), says };
    },
  },
};
