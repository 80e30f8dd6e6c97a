// What an application does with the README's apollo.js, beside which this file is put.
import { gql } from '@apollo/client';
import { createApollo } from './apollo.js';
import { answerEvents, askText, listText, pageText } from './operations.mjs';
import { connect } from './parley.js';

const { URL: url, TOKEN: token, CONVERSATION: id } = process.env;
const parley = connect(url, () => token);
const client = createApollo(parley);
const merged = async (text, variables, next) => {
  const pages = client.watchQuery({ query: gql(text), variables });
  const watching = pages.subscribe(() => undefined);
  const { data } = await pages.refetch();
  await pages.fetchMore({ variables: next(data) });
  watching.unsubscribe();
  return client.readQuery({ query: gql(text), variables });
};
const page = await merged(pageText, { id }, (data) => ({ before: data.conversation.messages.pageInfo.startCursor }));
const list = await merged(listText, {}, (data) => ({ after: data.conversations.pageInfo.endCursor }));

const { data } = await client.mutate({ mutation: gql(askText), variables: { id } });
const messageId = data.sendMessage.answer.id;
const fragment = gql('fragment Text on Message { content status }');
const grew = [];
await new Promise((complete, error) => {
  const next = () => grew.push(client.cache.readFragment({ id: `Message:${messageId}`, fragment })?.content ?? null);
  client.subscribe({ query: gql(answerEvents), variables: { messageId } }).subscribe({ next, error, complete });
});
const contents = page.conversation.messages.edges.map(({ node }) => node.content);
console.log(JSON.stringify({ page: contents, list: list.conversations.edges.length, grew }));
await parley.socket.dispose();
