// What an application does with the README's urql.js, beside which this file is put.
import { gql } from '@urql/core';
import { answerEvents, askText, listText, pageText } from './operations.mjs';
import { connect } from './parley.js';
import { createUrql } from './urql.js';

const { URL: url, TOKEN: token, CONVERSATION: id } = process.env;
const parley = connect(url, () => token);
const client = createUrql(parley);
const settled = async (asked) => {
  const { data, error } = await asked.toPromise();
  if (error) throw error;
  return data;
};
const read = (text, variables) => settled(client.query(gql(text), variables));

const newest = await read(pageText, { id });
await read(pageText, { id, before: newest.conversation.messages.pageInfo.startCursor });
const merged = (await read(pageText, { id })).conversation.messages.edges;

const first = await read(listText, {});
await read(listText, { after: first.conversations.pageInfo.endCursor });
const list = (await read(listText, {})).conversations.edges;

const messageId = (await settled(client.mutation(gql(askText), { id }))).sendMessage.answer.id;
const fragment = gql('query Text($messageId: ID!) { message(id: $messageId) { id content } }');
await settled(client.query(fragment, { messageId }));
const grew = [];
await new Promise((resolve) => {
  const watched = client.query(fragment, { messageId }).subscribe(({ data }) => grew.push(data?.message.content));
  const followed = client.subscription(gql(answerEvents), { messageId }).subscribe(({ data }) => {
    if (data?.answer.__typename !== 'AnswerFinished') return;
    watched.unsubscribe();
    followed.unsubscribe();
    resolve();
  });
});
console.log(JSON.stringify({ page: merged.map(({ node }) => node.content), list: list.length, grew }));
await parley.socket.dispose();
