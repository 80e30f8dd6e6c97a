/** What an application asks, whatever its client is. */
export const pageText = `query Page($id: ID!, $before: String) {
  conversation(id: $id) { id messages(last: 2, before: $before) {
    edges { cursor node { id content } } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } } }`;

export const listText = `query List($after: String) { conversations(first: 1, after: $after) {
  edges { cursor node { id title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

export const askText = `mutation Ask($id: ID!) {
  sendMessage(input: { conversationId: $id, content: "Go on." }) { conversation { id } answer { id content status } } }`;

export const answerEvents = `subscription Follow($messageId: ID!) { answer(messageId: $messageId) {
  __typename ... on AnswerDelta { message { id content } }
  ... on AnswerFinished { message { id content status } } } }`;
