import { Field, ID, InputType } from 'type-graphql';
import { Rating } from './message.types.js';
import type { RatingValue } from './message-row.js';

@InputType({ description: 'What the person thinks of a message.' })
export class RateMessageInput {
  @Field(() => ID, { description: 'The message to rate.' })
  messageId: string;

  @Field(() => Rating, {
    nullable: true,
    description: 'Null takes the rating back, and its comment with it. So does leaving it out.',
  })
  rating?: RatingValue | null;

  @Field(() => String, {
    nullable: true,
    description: 'Why, in the words of the person. Absent: what was said before stays. Null or empty: no comment.',
  })
  comment?: string | null;
}
