import { attempt } from '../../support/conversations.js';
import { exchangeBytes, post, request } from '../../support/http-client.js';
import type { Person } from '../../support/person.js';
import { SocketClient } from '../../support/socket-client.js';

/** Everything that a client can do wrong while it quotes a text: none of it may be remembered. Gives how many were refused. */
export async function provokeErrors(person: Person, canary: string): Promise<number> {
  const refusals = [
    ...(await overHttp(person, canary)),
    ...(await inOperations(person, canary)),
    ...(await onSockets(person, canary)),
  ];
  return refusals.filter(Boolean).length;
}

async function overHttp({ url, token }: Person, canary: string): Promise<boolean[]> {
  const authorization = `Bearer ${token}`;
  const long = canary.repeat(40_000);
  const answers = [
    await post(`${url}/graphql`, `{"query":"${canary}`, { authorization }),
    await post(`${url}/graphql`, `${canary}`, { authorization, 'content-type': `text/${canary}` }),
    await post(`${url}/graphql`, [{ query: canary }], { authorization }),
    await post(`${url}/graphql`, { query: '{ viewer { id } }', variables: canary }, { authorization }),
    await post(`${url}/graphql`, { query: '{ viewer { id } }', operationName: canary }, { authorization }),
    await post(`${url}/graphql`, { query: `{ ${long} }` }, { authorization }),
    await post(`${url}/graphql`, { query: '{ viewer { id } }' }, { authorization: `Bearer ${canary}` }),
    await post(`${url}/graphql`, { query: '{ viewer { id } }' }, { authorization: `Bearer a.${canary}.b` }),
    await post(`${url}/graphql`, { query: '{ viewer { id } }' }, { authorization: `${authorization.slice(0, -3)}abc` }),
    await request(`${url}/${canary}?${canary}=${canary}`, {
      headers: { 'user-agent': canary, 'x-request-id': canary },
    }),
    await request(`${url}/graphql?query={${canary}}`, {
      headers: { authorization, 'apollo-require-preflight': canary },
    }),
    await request(`${url}/graphql`, { method: 'DELETE', headers: { authorization }, body: canary }),
  ];
  const garbage = await exchangeBytes(Number(new URL(url).port), `${canary} ${canary}\r\n\r\n`);
  return [...answers.map(({ status }) => status >= 400), garbage.includes(' 400 ')];
}

const sendQuery = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const createQuery =
  'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { conversation { id } } }';
const pageQuery = 'query ($after: String) { conversations(after: $after, filter: {title: "x"}) { totalCount } }';

async function inOperations(person: Person, canary: string): Promise<boolean[]> {
  const outcomes = [
    await attempt(person, `{ ${canary} }`, {}),
    await attempt(person, `{ "${canary}" }`, {}),
    await attempt(person, `query ${canary} { viewer { id(${canary}: "${canary}") } }`, {}),
    await attempt(person, `query ($a: ${canary}) { viewer { id } }`, { a: canary }),
    await attempt(person, sendQuery, { input: { content: { said: canary } } }),
    await attempt(person, sendQuery, { input: { [canary]: canary } }),
    await attempt(person, sendQuery, { input: { content: 'x', whenBusy: canary } }),
    await attempt(person, sendQuery, { input: { content: 'x', conversationId: canary } }),
    await attempt(person, sendQuery, { input: { content: 'x', model: canary } }),
    await attempt(person, sendQuery, { input: { content: canary.repeat(2000) } }),
    await attempt(person, sendQuery, { input: { content: `${canary}\0` } }),
    await attempt(person, sendQuery, { input: { content: 'x', idempotencyKey: canary.repeat(100) } }),
    await attempt(person, sendQuery, { input: { content: 'x', metadata: { a: canary.repeat(2000) } } }),
    await attempt(person, sendQuery, { input: { content: 'x', metadata: canary } }),
    await attempt(person, createQuery, { input: { title: canary.repeat(100) } }),
    await attempt(person, pageQuery, { after: canary }),
    await attempt(person, 'query ($id: ID!) { message(id: $id) { ... on Conversation { id } } }', { id: canary }),
    await attempt(person, 'mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }', { id: canary }),
  ];
  return outcomes.map(({ code }) => code !== undefined);
}

async function onSockets({ url, token }: Person, canary: string): Promise<boolean[]> {
  const socketUrl = `${url.replace(/^http/, 'ws')}/graphql`;
  const endings: boolean[] = [];
  for (const message of [
    canary,
    { type: canary },
    { type: 'connection_init', payload: { authorization: `Bearer ${canary}`, [canary]: canary } },
  ]) {
    const socket = await SocketClient.open(socketUrl);
    socket.send(message);
    endings.push((await socket.whenClosed()).code >= 4000);
  }
  const socket = await SocketClient.connect(socketUrl, token);
  socket.subscribe(canary, `subscription { ${canary} }`);
  endings.push((await socket.next('error', canary)).type === 'error');
  socket.subscribe('2', `subscription ($id: ID!) { answer(messageId: $id, after: "${canary}") { __typename } }`, {
    id: canary,
  });
  endings.push(JSON.stringify(await socket.next('next', '2')).includes('errors'));
  socket.subscribe('3', `{ viewer { ${canary}: id } }`);
  endings.push((await socket.next('error', '3')).type === 'error');
  socket.terminate();
  return endings;
}
