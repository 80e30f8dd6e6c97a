import { createUnionType, ID, Int, ObjectType } from 'type-graphql';
import { Conversation } from '../conversations/conversation.types.js';
import { Message } from '../messages/message.types.js';
import type { MessageRow } from '../messages/message-row.js';
import type { AnswerText, Offsets } from '../messages/message-texts.js';
import { encodeCursor } from '../platform/cursor.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { toPublicId } from '../platform/ids.js';
import { ObjectField } from '../platform/object-field.types.js';
import type { FollowEvent } from './follow.js';
import type { ModelSettings } from './model/model-catalogue.js';

/** The cursor of a follower of an answer that stands at `end`. */
export const answerCursor = (keys: OwnerKeys, messageId: string, end: Offsets): string =>
  encodeCursor(keys, 'answer', messageId, [end.content, end.reasoning]);

/** What a live event is shown by: the one object that its scope has for a message, and the cursor after it. */
export interface EventView {
  readonly message: (row: MessageRow, live?: AnswerText) => Message;
  readonly cursor: () => string;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'Text to write into Message.content at offset: content = content.slice(0, offset) + text. The same delta twice does no harm; an offset beyond the end of what the client has means: read the message again.',
})
export class AnswerDelta {
  constructor(
    private readonly event: Pick<Extract<FollowEvent, { type: 'delta' }>, 'row' | 'piece' | 'textSoFar'>,
    private readonly view: EventView,
  ) {}

  @ObjectField(() => ID, { description: 'The answer that grows.' })
  get messageId(): string {
    return toPublicId('msg', this.event.row.id);
  }

  @ObjectField(() => Int, { description: 'Where text begins in Message.content, in UTF-16 code units.' })
  get offset(): number {
    return this.event.piece.from.content;
  }

  @ObjectField(() => String, { description: 'What follows there; empty where only the reasoning grew.' })
  get text(): string {
    return this.event.piece.content;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'Where reasoning begins in Message.reasoning, in UTF-16 code units; null where reasoning is.',
  })
  get reasoningOffset(): number | null {
    return this.event.piece.reasoning === '' ? null : this.event.piece.from.reasoning;
  }

  @ObjectField(() => String, { nullable: true, description: 'What the reasoning gained; null where it did not grow.' })
  get reasoning(): string | null {
    return this.event.piece.reasoning || null;
  }

  @ObjectField(() => Message, {
    description:
      'The message as of this delta, content up to its end: select it where a cache or a person should see the text grow without code.',
  })
  get message(): Message {
    return this.view.message(this.event.row, this.event.textSoFar());
  }

  @ObjectField(() => String, { description: 'For after of the subscription that sent it, and no other.' })
  get cursor(): string {
    return this.view.cursor();
  }
}

@ObjectType({
  simpleResolvers: true,
  description: 'The answer is final and stored. message.content is the whole of it.',
})
export class AnswerFinished {
  constructor(
    private readonly event: Pick<Extract<FollowEvent, { type: 'finished' }>, 'row'>,
    private readonly view: EventView,
  ) {}

  @ObjectField(() => Message, { description: 'The answer as it is stored.' })
  get message(): Message {
    return this.view.message(this.event.row);
  }

  @ObjectField(() => String, { description: 'For after of the subscription that sent it, and no other.' })
  get cursor(): string {
    return this.view.cursor();
  }
}

export const AnswerEvent = createUnionType({
  name: 'AnswerEvent',
  description: 'What a follower of an answer is told: deltas, then its end.',
  types: () => [AnswerDelta, AnswerFinished] as const,
});

@ObjectType({ simpleResolvers: true, description: 'What was sent, and the answer that is being written to it.' })
export class SendMessagePayload {
  @ObjectField(() => Conversation, { description: 'The conversation after the send.' })
  readonly conversation: Conversation;

  @ObjectField(() => Message, { description: 'The question, as it is stored.' })
  readonly message: Message;

  @ObjectField(() => Message, { description: 'The answer: follow it with Subscription.answer.' })
  readonly answer: Message;

  constructor(conversation: Conversation, message: Message, answer: Message) {
    this.conversation = conversation;
    this.message = message;
    this.answer = answer;
  }
}

@ObjectType({ simpleResolvers: true, description: 'A further answer, which is being written.' })
export class RegenerateAnswerPayload {
  @ObjectField(() => Conversation, { description: 'The conversation after it was begun.' })
  readonly conversation: Conversation;

  @ObjectField(() => Message, {
    nullable: true,
    description: 'The message it answers; null where the answer is the first of its conversation.',
  })
  readonly message: Message | null;

  @ObjectField(() => Message, { description: 'The answer: follow it with Subscription.answer.' })
  readonly answer: Message;

  constructor(conversation: Conversation, message: Message | null, answer: Message) {
    this.conversation = conversation;
    this.message = message;
    this.answer = answer;
  }
}

@ObjectType({ simpleResolvers: true, description: 'What was appended.' })
export class AppendMessagesPayload {
  @ObjectField(() => Conversation, { description: 'The conversation after the append.' })
  readonly conversation: Conversation;

  @ObjectField(() => [Message], { description: 'The new messages, in the order given.' })
  readonly messages: readonly Message[];

  constructor(conversation: Conversation, messages: readonly Message[]) {
    this.conversation = conversation;
    this.messages = messages;
  }
}

@ObjectType('Model', { simpleResolvers: true, description: 'A model that answers here.' })
export class Model {
  constructor(
    private readonly settings: ModelSettings,
    private readonly chosen: boolean,
  ) {}

  @ObjectField(() => ID, { description: 'What clients name it by.' })
  get id(): string {
    return this.settings.id;
  }

  @ObjectField(() => String, { description: 'For people.' })
  get name(): string {
    return this.settings.name;
  }

  @ObjectField(() => String, { description: 'Who answers: demo, openai, …' })
  get provider(): string {
    return this.settings.provider;
  }

  @ObjectField(() => Boolean, { description: 'Does it answer where nothing else is said?' })
  get isDefault(): boolean {
    return this.chosen;
  }
}
