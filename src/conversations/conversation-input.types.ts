import { Field, ID, InputType } from 'type-graphql';
import type { Instant } from '../platform/instant.js';
import { DateTime, JSONObject, type JsonObject } from '../platform/scalars.js';

@InputType({ description: 'Which conversations a list holds. Each field narrows it further.' })
export class ConversationFilter {
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Archived ones, or those that are not. Null: both.',
  })
  archived?: boolean | null;

  @Field(() => Boolean, { nullable: true, description: 'Pinned ones, or those that are not. Null: both.' })
  pinned?: boolean | null;

  @Field(() => String, {
    nullable: true,
    description: 'Every word of it stands in the title; the last may be unfinished.',
  })
  title?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Only those whose updatedAt is later than this.' })
  updatedAfter?: Instant | null;

  @Field(() => DateTime, { nullable: true, description: 'Only those whose updatedAt is earlier than this.' })
  updatedBefore?: Instant | null;
}

@InputType({ description: 'How a conversation begins. All but temporary can be changed later.' })
export class CreateConversationInput {
  @Field(() => String, { nullable: true, description: 'Its title; omit it for one made from the first message.' })
  title?: string | null;

  @Field(() => String, { nullable: true, description: 'What the model is told before the first message.' })
  systemPrompt?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The model that answers here unless a message names another; omit it for the server's default.",
  })
  model?: string | null;

  @Field(() => JSONObject, { nullable: true, description: "The application's own data, 16 KiB of JSON at most." })
  metadata?: JsonObject | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description:
      'Kept out of lists and search, and deleted when it expires: so many hours after it was created, whatever is said in it.',
  })
  temporary: boolean;

  @Field(() => String, {
    nullable: true,
    description:
      "The client's own key, 1 to 128 characters. The same key again gives the same conversation and creates none; the same key with other content is CONFLICT.",
  })
  idempotencyKey?: string | null;
}

@InputType({ description: 'What to change. Absent: unchanged. Null: back to the default.' })
export class UpdateConversationInput {
  @Field(() => ID, { description: 'The conversation to change.' })
  id: string;

  @Field(() => String, { nullable: true, description: 'An empty string gives back the automatic title, as null does.' })
  title?: string | null;

  @Field(() => String, { nullable: true, description: 'Null: the model is told nothing before the first message.' })
  systemPrompt?: string | null;

  @Field(() => String, { nullable: true, description: "Null: the server's default." })
  model?: string | null;

  @Field(() => JSONObject, {
    nullable: true,
    description: 'Replaced whole, 16 KiB of JSON at most. Null: an empty object.',
  })
  metadata?: JsonObject | null;

  @Field(() => Boolean, { nullable: true, description: 'Not null.' })
  pinned?: boolean | null;

  @Field(() => Boolean, { nullable: true, description: 'Not null.' })
  archived?: boolean | null;
}
