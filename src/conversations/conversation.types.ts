import { ID, Int, ObjectType } from 'type-graphql';
import { Node } from '../identity/node.types.js';
import type { Scope } from '../identity/scope.js';
import { toPublicId } from '../platform/ids.js';
import type { Instant } from '../platform/instant.js';
import { ObjectField } from '../platform/object-field.types.js';
import { PageInfo } from '../platform/page.types.js';
import { DateTime, JSONObject, type JsonObject } from '../platform/scalars.js';
import { Usage } from '../usage/usage.types.js';
import { type ConversationRow, conversationPlace, type TextColumn } from './conversation-row.js';
import { writeListCursor } from './list-cursor.js';
import { untitled } from './title.js';

@ObjectType({
  implements: Node,
  simpleResolvers: true,
  description: 'A tree of messages with one visible branch.',
})
export class Conversation implements Node {
  constructor(
    readonly row: ConversationRow,
    readonly scope: Scope,
  ) {}

  @ObjectField(() => ID, { description: 'Unique over all types; to be treated as opaque.' })
  get id(): string {
    return toPublicId('cnv', this.row.id);
  }

  @ObjectField(() => String, {
    description: "Never empty: the person's own title, or one made from the first message, or 'New conversation'.",
  })
  get title(): string {
    return this.open('title') ?? this.open('automatic_title') ?? untitled;
  }

  @ObjectField(() => String, {
    nullable: true,
    description: 'What the model is told before the first message; null where it is told nothing.',
  })
  get systemPrompt(): string | null {
    return this.open('system_prompt');
  }

  @ObjectField(() => String, {
    nullable: true,
    description: "The model that answers here unless a message names another; null means the server's default.",
  })
  get model(): string | null {
    return this.row.model;
  }

  @ObjectField(() => JSONObject, {
    description: "The application's own data about this conversation, as it was given.",
  })
  get metadata(): JsonObject {
    return JSON.parse(this.open('metadata') ?? '{}') as JsonObject;
  }

  @ObjectField(() => Boolean, { description: 'Marked by the person; a pin does not change the order.' })
  get pinned(): boolean {
    return this.row.pinned;
  }

  @ObjectField(() => Boolean, { description: 'Put away by the person; sending to it takes it out of the archive.' })
  get archived(): boolean {
    return this.row.archived;
  }

  @ObjectField(() => Boolean, { description: 'Kept out of lists and search, and deleted when it expires.' })
  get temporary(): boolean {
    return this.row.expires_at !== null;
  }

  @ObjectField(() => DateTime, {
    nullable: true,
    description:
      'When a temporary conversation goes; from then on it is not there. Nothing that is said in it moves this. Null: it is kept.',
  })
  get expiresAt(): Instant | null {
    return this.row.expires_at;
  }

  @ObjectField(() => DateTime, { description: 'When it was created.' })
  get createdAt(): Instant {
    return this.row.created_at;
  }

  @ObjectField(() => DateTime, {
    description: 'When the last message was added or finished. Titles, pins and ratings do not move it.',
  })
  get updatedAt(): Instant {
    return this.row.updated_at;
  }

  @ObjectField(() => Int, { description: 'Messages on the visible branch.' })
  get messageCount(): number {
    return this.row.message_count;
  }

  @ObjectField(() => Usage, { description: 'What its answers used, on every branch.' })
  get usage(): Usage {
    const { row } = this;
    return new Usage({
      answers: row.used_answers,
      prompt_tokens: row.used_prompt_tokens,
      completion_tokens: row.used_completion_tokens,
      cost_micro_usd: row.used_cost_micro_usd,
      unreported_answers: row.unreported_answers,
    });
  }

  private open(column: TextColumn): string | null {
    const sealed = this.row[column];
    if (sealed === null) return null;
    return this.scope.openText(conversationPlace(this.row.id, column), this.row.revision, sealed);
  }
}

@ObjectType({ simpleResolvers: true, description: 'A conversation in a list.' })
export class ConversationEdge {
  @ObjectField(() => Conversation, {
    nullable: true,
    description: 'Null only with DATA_INTEGRITY in errors: one damaged row does not take the page with it.',
  })
  readonly node: Conversation;

  constructor(node: Conversation) {
    this.node = node;
  }

  @ObjectField(() => String, { description: 'Its place in the list: a cursor for after and before.' })
  get cursor(): string {
    return writeListCursor(this.node.scope.keys, this.node.row);
  }
}

export interface ConversationPage {
  readonly conversations: readonly Conversation[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Asks for the count only when it is called. */
  count(): Promise<number>;
}

@ObjectType({ simpleResolvers: true, description: 'A page of conversations, newest activity first.' })
export class ConversationConnection {
  constructor(private readonly page: ConversationPage) {}

  @ObjectField(() => [ConversationEdge], { description: 'The conversations of this page with their cursors.' })
  get edges(): readonly ConversationEdge[] {
    return this.page.conversations.map((conversation) => new ConversationEdge(conversation));
  }

  @ObjectField(() => [Conversation], {
    nullable: 'items',
    description: 'The conversations of this page, for reading one page; libraries that merge pages use edges.',
  })
  get nodes(): readonly Conversation[] {
    return this.page.conversations;
  }

  @ObjectField(() => PageInfo, { description: 'What stands around this page.' })
  get pageInfo(): PageInfo {
    return new PageInfo({ ...this.page, edges: this.edges });
  }

  @ObjectField(() => Int, {
    description: 'All conversations that the filter lets through. Counted only where it is selected.',
  })
  totalCount(): Promise<number> {
    return this.page.count();
  }
}

@ObjectType({ simpleResolvers: true, description: 'A conversation as a change left it.' })
export class ConversationPayload {
  @ObjectField(() => Conversation, { description: 'The conversation after the change.' })
  readonly conversation: Conversation;

  constructor(conversation: Conversation) {
    this.conversation = conversation;
  }
}

@ObjectType({ simpleResolvers: true, description: 'What deleteConversations deleted.' })
export class DeleteConversationsPayload {
  @ObjectField(() => [ID], {
    description: "The ids that were deleted, in the order given. Ids that are not the viewer's are left out.",
  })
  readonly deletedIds: readonly string[];

  constructor(deletedIds: readonly string[]) {
    this.deletedIds = deletedIds;
  }
}
