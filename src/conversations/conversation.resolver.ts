import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { NodeFinder } from '../identity/node.types.js';
import type { Scope } from '../identity/scope.js';
import { fromPublicId } from '../platform/ids.js';
import { PageArguments } from '../platform/page.types.js';
import type { MakeConversationLoaders } from './conversation.loaders.js';
import type { ConversationService } from './conversation.service.js';
import {
  Conversation,
  ConversationConnection,
  ConversationPayload,
  DeleteConversationsPayload,
} from './conversation.types.js';
import { ConversationFilter, CreateConversationInput, UpdateConversationInput } from './conversation-input.types.js';

/** A change answers in a scope of its own: what another mutation of the same operation has read is past by then. */
@Resolver(() => Conversation)
export class ConversationResolver {
  constructor(
    private readonly service: ConversationService,
    private readonly loaders: MakeConversationLoaders,
  ) {}

  @Query(() => Conversation, {
    nullable: true,
    description: "Null for what does not exist and for what is someone else's: the two cannot be told apart.",
  })
  conversation(@Arg('id', () => ID, { description: 'The id of a conversation.' }) id: string, @Ctx() scope: Scope) {
    const known = fromPublicId('cnv', id);
    return known === null ? null : scope.of(this.loaders).byId.load(known);
  }

  @Query(() => ConversationConnection, {
    description: "The viewer's conversations, newest activity first. first defaults to 20; 100 at most.",
  })
  async conversations(
    @Args(() => PageArguments) page: PageArguments,
    @Arg('filter', () => ConversationFilter, {
      nullable: true,
      defaultValue: { archived: false },
      description: 'Which of them. Null: all.',
    })
    filter: ConversationFilter | null,
    @Ctx() scope: Scope,
  ): Promise<ConversationConnection> {
    const { rows, anyNewer, anyOlder, count } = await this.service.list(scope, page, filter);
    const { keep } = scope.of(this.loaders);
    return new ConversationConnection({
      conversations: rows.map(keep),
      hasPreviousPage: anyNewer,
      hasNextPage: anyOlder,
      count,
    });
  }

  @Mutation(() => ConversationPayload, { description: 'A new conversation, empty.' })
  async createConversation(
    @Arg('input', () => CreateConversationInput, { description: 'How it begins.' }) input: CreateConversationInput,
    @Ctx() scope: Scope,
  ): Promise<ConversationPayload> {
    const fresh = await scope.fresh();
    return new ConversationPayload(fresh.of(this.loaders).keep(await this.service.create(fresh, input)));
  }

  @Mutation(() => ConversationPayload, {
    description:
      'Changes what the person may say of a conversation: title, system prompt, model, metadata, pin, archive.',
  })
  async updateConversation(
    @Arg('input', () => UpdateConversationInput, { description: 'Which one, and what to change.' })
    input: UpdateConversationInput,
    @Ctx() scope: Scope,
  ): Promise<ConversationPayload> {
    const fresh = await scope.fresh();
    return new ConversationPayload(fresh.of(this.loaders).keep(await this.service.update(fresh, input)));
  }

  @Mutation(() => DeleteConversationsPayload, {
    description:
      "Deletes for good, with every message. Ids that are not the viewer's are left out of deletedIds. 100 ids at most.",
  })
  async deleteConversations(
    @Arg('ids', () => [ID], { description: 'The conversations to delete.' }) ids: string[],
    @Ctx() scope: Scope,
  ): Promise<DeleteConversationsPayload> {
    return new DeleteConversationsPayload(await this.service.delete(scope, ids));
  }
}

export const conversationFinder = (loaders: MakeConversationLoaders): NodeFinder => ({
  prefix: 'cnv',
  load: (scope, id) => scope.of(loaders).byId.load(id),
});
