import { ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { Node } from '../identity/node.types.js';
import type { Scope } from '../identity/scope.js';
import { toPublicId } from '../platform/ids.js';
import type { Instant } from '../platform/instant.js';
import { ObjectField } from '../platform/object-field.types.js';
import { DateTime, JSONObject, type JsonObject } from '../platform/scalars.js';
import { writeMessageCursor } from './message-cursor.js';
import type { MessageRow, RatingValue, Role, Status } from './message-row.js';
import { type AnswerText, joinChunks, type Offsets, openColumn } from './message-texts.js';

export const MessageRole = {
  SYSTEM: 'SYSTEM',
  USER: 'USER',
  ASSISTANT: 'ASSISTANT',
  TOOL: 'TOOL',
} as const satisfies Record<Role, Role>;
export type MessageRole = Role;

registerEnumType(MessageRole, {
  name: 'MessageRole',
  description: 'Who says a message.',
  valuesConfig: {
    SYSTEM: { description: 'The application, to the model, in its place.' },
    USER: { description: 'The person.' },
    ASSISTANT: { description: 'The model.' },
    TOOL: { description: 'A tool that the application ran; not sent to the model.' },
  },
});

export const MessageStatus = {
  STREAMING: 'STREAMING',
  COMPLETE: 'COMPLETE',
  CANCELLED: 'CANCELLED',
  INTERRUPTED: 'INTERRUPTED',
  FAILED: 'FAILED',
} as const satisfies Record<Status, Status>;
export type MessageStatus = Status;

registerEnumType(MessageStatus, {
  name: 'MessageStatus',
  description: 'COMPLETE for every message that is not an answer. The last four are final.',
  valuesConfig: {
    STREAMING: { description: 'The answer is being written.' },
    COMPLETE: { description: 'The model said why it finished; the text is whole.' },
    CANCELLED: { description: 'Somebody asked for it to stop; what was written stays.' },
    INTERRUPTED: { description: 'It was cut off (see error); what was written stays.' },
    FAILED: { description: 'The model refused, failed or took too long (see error); what was written stays.' },
  },
});

export const Rating = { UP: 'UP', DOWN: 'DOWN' } as const satisfies Record<RatingValue, RatingValue>;
export type Rating = RatingValue;

registerEnumType(Rating, {
  name: 'Rating',
  description: 'What the person thinks of a message.',
  valuesConfig: { UP: { description: 'It helped.' }, DOWN: { description: 'It did not help.' } },
});

@ObjectType({ simpleResolvers: true, description: 'Why an answer ended without being complete.' })
export class AnswerError {
  @ObjectField(() => String, {
    description: 'PROVIDER_ERROR, PROVIDER_TIMEOUT, PROVIDER_REFUSED, INSTANCE_LOST, SHUTDOWN, ...',
  })
  readonly code: string;

  @ObjectField(() => String, { description: 'Safe to show to the person.' })
  readonly message: string;

  @ObjectField(() => Boolean, { description: 'May asking again help?' })
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable: boolean) {
    this.code = code;
    this.message = message;
    this.retryable = retryable;
  }
}

@ObjectType({
  implements: Node,
  simpleResolvers: true,
  description: 'One node of a conversation: immutable once final, but for its rating and its erasure.',
})
export class Message implements Node {
  private joined: AnswerText | null = null;

  /**
   * @param live an answer's text as a live event has it, in place of the checkpoints that were read
   */
  constructor(
    readonly row: MessageRow,
    readonly scope: Scope,
    private readonly live: AnswerText | null = null,
  ) {}

  /** How long the text of this object is; where a follower goes on. @throws DATA_INTEGRITY */
  get offsets(): Offsets {
    const { content, reasoning } = this.text;
    return { content: content.length, reasoning: reasoning.length };
  }

  @ObjectField(() => ID, { description: 'Unique over all types; to be treated as opaque.' })
  get id(): string {
    return toPublicId('msg', this.row.id);
  }

  @ObjectField(() => MessageRole, { description: 'Who says it.' })
  get role(): Role {
    return this.row.role;
  }

  @ObjectField(() => String, {
    description:
      'While STREAMING: what has been written so far. CANCELLED, INTERRUPTED and FAILED keep what was written.',
  })
  get content(): string {
    return this.isRunning ? this.text.content : (openColumn(this.scope, this.row, 'content') ?? '');
  }

  @ObjectField(() => String, {
    nullable: true,
    description: 'What the model thought aloud before it answered, where it says so.',
  })
  get reasoning(): string | null {
    return this.isRunning ? this.text.reasoning || null : openColumn(this.scope, this.row, 'reasoning');
  }

  @ObjectField(() => MessageStatus, { description: 'How far it is; COMPLETE for every message that is not an answer.' })
  get status(): Status {
    return this.row.status;
  }

  @ObjectField(() => AnswerError, { nullable: true, description: 'Why a FAILED or INTERRUPTED answer ended.' })
  get error(): AnswerError | null {
    const { error_code: code, error_message: message, error_retryable: retryable } = this.row;
    return code === null ? null : new AnswerError(code, message ?? '', retryable ?? false);
  }

  @ObjectField(() => String, {
    nullable: true,
    description: 'As the provider said it: stop, length, content_filter, ... Null unless COMPLETE.',
  })
  get finishReason(): string | null {
    return this.row.finish_reason;
  }

  @ObjectField(() => String, { nullable: true, description: 'The model that wrote it; null where none did.' })
  get model(): string | null {
    return this.row.model;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'Tokens that the model read. Null where the provider did not say: unknown is not zero.',
  })
  get promptTokens(): number | null {
    return this.row.prompt_tokens;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'Tokens that the model wrote. Null where the provider did not say.',
  })
  get completionTokens(): number | null {
    return this.row.completion_tokens;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'What it cost, in millionths of a US dollar. Null where that is not known.',
  })
  get costMicroUsd(): number | null {
    return this.row.cost_micro_usd;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'Milliseconds from the call of the model to its first token. Null where that is not known.',
  })
  get firstTokenMs(): number | null {
    return this.row.first_token_ms;
  }

  @ObjectField(() => Int, {
    nullable: true,
    description: 'Milliseconds from the call of the model to the end of the answer. Null where that is not known.',
  })
  get latencyMs(): number | null {
    return this.row.latency_ms;
  }

  @ObjectField(() => Rating, {
    nullable: true,
    description: 'What the person thinks of it; null where they did not say.',
  })
  get rating(): RatingValue | null {
    return this.row.rating;
  }

  @ObjectField(() => String, { nullable: true, description: 'What the person said with the rating.' })
  get ratingComment(): string | null {
    return openColumn(this.scope, this.row, 'rating_comment');
  }

  @ObjectField(() => JSONObject, { description: "The application's own data about this message, as it was given." })
  get metadata(): JsonObject {
    return JSON.parse(openColumn(this.scope, this.row, 'metadata') ?? '{}') as JsonObject;
  }

  @ObjectField(() => String, {
    description:
      'Its place in Conversation.messages: a cursor for before and after, also while it is not visible. Opens the page around a search hit.',
  })
  get cursor(): string {
    return writeMessageCursor(this.scope.keys, this.row);
  }

  @ObjectField(() => String, {
    nullable: true,
    description: 'The key it was sent with; lets a client match what it showed before the server answered.',
  })
  get idempotencyKey(): string | null {
    return openColumn(this.scope, this.row, 'idempotency_key');
  }

  @ObjectField(() => Boolean, { description: 'Is it on the branch that Conversation.messages shows?' })
  get visible(): boolean {
    return this.row.visible;
  }

  @ObjectField(() => DateTime, { description: 'When it was said, or its writing began.' })
  get createdAt(): Instant {
    return this.row.created_at;
  }

  @ObjectField(() => DateTime, { nullable: true, description: 'When it became final; null while STREAMING.' })
  get completedAt(): Instant | null {
    return this.row.completed_at;
  }

  @ObjectField(() => DateTime, {
    nullable: true,
    description: 'When eraseMessage took its text; content is then empty.',
  })
  get erasedAt(): Instant | null {
    return this.row.erased_at;
  }

  private get isRunning(): boolean {
    return this.live !== null || this.row.status === 'STREAMING';
  }

  /** Joined once, so that every field of this object is cut from the same text. */
  private get text(): AnswerText {
    if (!this.isRunning) return { content: this.content, reasoning: this.reasoning ?? '' };
    this.joined ??= this.live ?? joinChunks(this.scope.keys, this.row.id, this.row.chunks ?? []);
    return this.joined;
  }
}

@ObjectType({ simpleResolvers: true, description: 'A message as a change left it.' })
export class MessagePayload {
  @ObjectField(() => Message, { description: 'The message after the change.' })
  readonly message: Message;

  constructor(message: Message) {
    this.message = message;
  }
}
