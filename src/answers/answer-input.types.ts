import { Field, ID, InputType, Int, registerEnumType } from 'type-graphql';
import { CreateConversationInput } from '../conversations/conversation-input.types.js';
import { MessageRole } from '../messages/message.types.js';
import type { Role } from '../messages/message-row.js';
import type { Instant } from '../platform/instant.js';
import { DateTime, JSONObject, type JsonObject } from '../platform/scalars.js';

export const WhenBusy = { REJECT: 'REJECT', CANCEL: 'CANCEL' } as const;
export type WhenBusyValue = keyof typeof WhenBusy;

const whenBusyDescription = 'What to do when an answer is already being written on this conversation.';

registerEnumType(WhenBusy, {
  name: 'WhenBusy',
  description: whenBusyDescription,
  valuesConfig: {
    REJECT: { description: 'Refuse with CONFLICT.' },
    CANCEL: {
      description: 'Cancel the answer being written (it becomes CANCELLED and keeps what it has), then go on.',
    },
  },
});

/** How an answer is asked for, by whichever mutation. */
@InputType()
export abstract class AskingInput {
  @Field(() => String, {
    nullable: true,
    description: "The model that answers; omit it for the conversation's, or the server's default.",
  })
  model?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The client's own key for this send, 1 to 128 characters. The same key again gives the same payload and starts nothing; the same key with other content is CONFLICT.",
  })
  idempotencyKey?: string | null;

  @Field(() => WhenBusy, { defaultValue: WhenBusy.REJECT, description: whenBusyDescription })
  whenBusy: WhenBusyValue;
}

@InputType({ description: 'A question, and where it is asked.' })
export class SendMessageInput extends AskingInput {
  @Field(() => ID, { nullable: true, description: 'Omit it to start a new conversation.' })
  conversationId?: string | null;

  @Field(() => CreateConversationInput, {
    nullable: true,
    description: 'How to start the new conversation; BAD_USER_INPUT together with conversationId.',
  })
  newConversation?: CreateConversationInput | null;

  @Field(() => String, { description: 'The question: 1 to 32,768 UTF-16 code units.' })
  content: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The message to answer after; omit it for the end of the visible branch.',
  })
  parentId?: string | null;

  @Field(() => JSONObject, { nullable: true, description: "The application's own data, 16 KiB of JSON at most." })
  metadata?: JsonObject | null;
}

@InputType({
  description:
    'Another wording of a question, which is answered anew; the old one stays beside it, and its metadata with it.',
})
export class EditMessageInput extends AskingInput {
  @Field(() => ID, { description: 'The USER message to word anew.' })
  messageId: string;

  @Field(() => String, { description: 'The question as it shall be: 1 to 32,768 UTF-16 code units.' })
  content: string;
}

@InputType({ description: 'What is to be answered once more; the answers that are there stay.' })
export class RegenerateAnswerInput extends AskingInput {
  @Field(() => ID, { description: 'An ASSISTANT message: a sibling of it. A USER message: a further answer to it.' })
  messageId: string;
}

@InputType({ description: 'A message that was said elsewhere and is kept here.' })
export class AppendMessageInput {
  @Field(() => MessageRole, { description: 'Who said it. TOOL messages are kept, and not sent to the model.' })
  role: Role;

  @Field(() => String, { description: 'What was said: 1 MiB at most.' })
  content: string;

  @Field(() => String, { nullable: true, description: 'What the model thought aloud before it.' })
  reasoning?: string | null;

  @Field(() => String, { nullable: true, description: 'The model that said it, in any words.' })
  model?: string | null;

  @Field(() => Int, { nullable: true, description: 'Tokens of the prompt; omit it where that is unknown.' })
  promptTokens?: number | null;

  @Field(() => Int, { nullable: true, description: 'Tokens of the answer; omit it where that is unknown.' })
  completionTokens?: number | null;

  @Field(() => Int, { nullable: true, description: 'What it cost, in millionths of a US dollar.' })
  costMicroUsd?: number | null;

  @Field(() => Int, { nullable: true, description: 'How long it took, in milliseconds.' })
  latencyMs?: number | null;

  @Field(() => JSONObject, { nullable: true, description: "The application's own data, 16 KiB of JSON at most." })
  metadata?: JsonObject | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was said, not in the future; now if omitted.' })
  createdAt?: Instant | null;
}

@InputType({ description: 'Messages for the end of a conversation.' })
export class AppendMessagesInput {
  @Field(() => ID, { description: 'The conversation to append to.' })
  conversationId: string;

  @Field(() => [AppendMessageInput], {
    description: '1 to 100 messages, appended in this order after the end of the visible branch, all or none.',
  })
  messages: AppendMessageInput[];

  @Field(() => ID, {
    nullable: true,
    description: 'The message to append after; omit it for the end of the visible branch.',
  })
  parentId?: string | null;

  @Field(() => WhenBusy, { defaultValue: WhenBusy.REJECT, description: whenBusyDescription })
  whenBusy: WhenBusyValue;

  @Field(() => String, {
    nullable: true,
    description: "The client's own key for the whole batch, 1 to 128 characters; see sendMessage.",
  })
  idempotencyKey?: string | null;
}
