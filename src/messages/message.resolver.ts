import { type FieldNode, type GraphQLResolveInfo, Kind } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { MakeConversationLoaders } from '../conversations/conversation.loaders.js';
import { Conversation, ConversationPayload } from '../conversations/conversation.types.js';
import { notFound } from '../errors.js';
import type { NodeFinder } from '../identity/node.types.js';
import type { Scope } from '../identity/scope.js';
import { fromPublicId, toPublicId } from '../platform/ids.js';
import { forkOf, type MakeMessageLoaders } from './message.loaders.js';
import type { MessageService } from './message.service.js';
import { Message, MessagePayload } from './message.types.js';
import { RateMessageInput } from './message-input.types.js';

@Resolver(() => Message)
export class MessageResolver {
  constructor(
    private readonly service: MessageService,
    private readonly loaders: MakeMessageLoaders,
    private readonly conversations: MakeConversationLoaders,
  ) {}

  @Query(() => Message, {
    nullable: true,
    description: "Null for what does not exist and for what is someone else's: the two cannot be told apart.",
  })
  message(@Arg('id', () => ID, { description: 'The id of a message.' }) id: string, @Ctx() scope: Scope) {
    const known = fromPublicId('msg', id);
    return known === null ? null : scope.of(this.loaders).byId.load(known);
  }

  @Mutation(() => MessagePayload, { description: 'Says, or takes back, what the person thinks of a message.' })
  async rateMessage(
    @Arg('input', () => RateMessageInput, { description: 'Which message, and what they think of it.' })
    input: RateMessageInput,
    @Ctx() scope: Scope,
  ): Promise<MessagePayload> {
    const fresh = await scope.fresh();
    return new MessagePayload(fresh.of(this.loaders).keep(await this.service.rate(fresh, input)));
  }

  @Mutation(() => ConversationPayload, {
    description: 'Makes the branch through this message, down to its newest leaf, the visible one.',
  })
  async selectBranch(
    @Arg('messageId', () => ID, { description: 'A message of the branch to show.' }) messageId: string,
    @Ctx() scope: Scope,
  ): Promise<ConversationPayload> {
    const fresh = await scope.fresh();
    const conversation = await this.service.selectBranch(fresh, messageId);
    return new ConversationPayload(fresh.of(this.conversations).keep(conversation));
  }

  @FieldResolver(() => Conversation, { description: 'The conversation that it stands in.' })
  async conversation(@Root() message: Message): Promise<Conversation> {
    const found = await message.scope.of(this.conversations).byId.load(message.row.conversation_id);
    // Deleted between two statements of this operation.
    if (!found) throw notFound('conversation');
    return found;
  }

  @FieldResolver(() => Message, {
    nullable: true,
    description: 'The message that this one follows; null for the first.',
  })
  parent(
    @Root() message: Message,
    @Info() { fieldNodes }: GraphQLResolveInfo,
  ): Promise<Message | null> | Pick<Message, 'id'> | null {
    const { parent_id: parentId } = message.row;
    if (parentId === null) return null;
    // Who draws the tree wants no more than that; it needs no statement.
    if (fieldNodes.every(selectsIdOnly)) return { id: toPublicId('msg', parentId) };
    return message.scope.of(this.loaders).byId.load(parentId);
  }

  @FieldResolver(() => [Message], {
    description: 'This message and its alternatives under the same parent, oldest first.',
  })
  siblings(@Root() message: Message): Promise<readonly Message[]> {
    return message.scope.of(this.loaders).siblings.load(forkOf(message.row));
  }
}

const selectsIdOnly = ({ selectionSet }: FieldNode) =>
  selectionSet?.selections.every((one) => one.kind === Kind.FIELD && ['id', '__typename'].includes(one.name.value)) ??
  false;

export const messageFinder = (loaders: MakeMessageLoaders): NodeFinder => ({
  prefix: 'msg',
  load: (scope, id) => scope.of(loaders).byId.load(id),
});
