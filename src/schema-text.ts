import { AnswerResolver } from './answers/answer.resolver.js';
import { ConversationResolver } from './conversations/conversation.resolver.js';
import { ViewerResolver } from './identity/viewer.resolver.js';
import { LiveResolver } from './live/live.resolver.js';
import { ConversationMessagesResolver } from './messages/conversation-messages.resolver.js';
import { MessageResolver } from './messages/message.resolver.js';
import { RetentionResolver } from './privacy/retention.resolver.js';
import { SearchResolver } from './search/search.resolver.js';
import { NodeResolver } from './server/node.resolver.js';
import { buildParleySchema, printParleySchema } from './server/schema.js';
import { UsageResolver } from './usage/usage.resolver.js';

/** Every resolver there is; the app makes an object of each. */
const resolverClasses = [
  ViewerResolver,
  RetentionResolver,
  UsageResolver,
  NodeResolver,
  ConversationResolver,
  MessageResolver,
  ConversationMessagesResolver,
  AnswerResolver,
  SearchResolver,
  LiveResolver,
];

/** What schema.graphql holds. Nothing is resolved, so bare objects of the classes do. */
export function schemaText(): string {
  return printParleySchema(buildParleySchema(resolverClasses.map((resolver) => Object.create(resolver.prototype))));
}
