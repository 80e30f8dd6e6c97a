import { Int, ObjectType } from 'type-graphql';
import { ObjectField } from '../platform/object-field.types.js';
import { PageInfo } from '../platform/page.types.js';
import { Message } from './message.types.js';

@ObjectType({ simpleResolvers: true, description: 'A message on a page of its conversation.' })
export class MessageEdge {
  @ObjectField(() => Message, { nullable: true, description: 'Null only with DATA_INTEGRITY in errors.' })
  readonly node: Message;

  constructor(node: Message) {
    this.node = node;
  }

  @ObjectField(() => String, { description: 'Its place in the conversation: a cursor for after and before.' })
  get cursor(): string {
    return this.node.cursor;
  }
}

/** A page of the visible branch, oldest first. */
export interface LoadedPage {
  readonly messages: readonly Message[];
  readonly hasPreviousPage: boolean;
  readonly hasNextPage: boolean;
  readonly totalCount: number;
}

@ObjectType({ simpleResolvers: true, description: 'A page of the visible branch of a conversation, oldest first.' })
export class MessageConnection {
  constructor(private readonly page: LoadedPage) {}

  @ObjectField(() => [MessageEdge], { description: 'The messages of this page with their cursors.' })
  get edges(): readonly MessageEdge[] {
    return this.page.messages.map((message) => new MessageEdge(message));
  }

  @ObjectField(() => [Message], {
    nullable: 'items',
    description: 'The messages of this page, for reading one page; libraries that merge pages use edges.',
  })
  get nodes(): readonly Message[] {
    return this.page.messages;
  }

  @ObjectField(() => PageInfo, { description: 'What stands around this page.' })
  get pageInfo(): PageInfo {
    return new PageInfo({ ...this.page, edges: this.page.messages });
  }

  @ObjectField(() => Int, { description: 'Messages on the whole visible branch.' })
  get totalCount(): number {
    return this.page.totalCount;
  }
}
