import { ArgsType, Field, ID, Int, ObjectType } from 'type-graphql';
import { dataIntegrity } from '../errors.js';
import { Message } from '../messages/message.types.js';
import { ObjectField } from '../platform/object-field.types.js';
import { PageInfo } from '../platform/page.types.js';

@ArgsType()
export class SearchArguments {
  @Field(() => String, {
    description:
      'Words that all stand in the message, in any order; case and accents do not matter, nor do the points of Hebrew and Arabic. Parts of foo_bar and www.example.com are words, too. The last word may be unfinished: any word counts that begins so. A blank after it says that it is whole.',
  })
  readonly query!: string;

  @Field(() => ID, { nullable: true, description: 'Only in this conversation. Null: in all of them.' })
  readonly conversationId?: string | null;

  @Field(() => Int, { nullable: true, description: 'At most this many: 1 to 100, 20 where it is omitted.' })
  readonly first?: number | null;

  @Field(() => String, { nullable: true, description: 'Only what follows this cursor: older messages.' })
  readonly after?: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'A part of a text: [start, end) in UTF-16 code units.' })
export class TextRange {
  @ObjectField(() => Int, { description: 'Where it begins.' })
  readonly start: number;

  @ObjectField(() => Int, { description: 'Where it ends: what stands here is no part of it.' })
  readonly end: number;

  constructor({ start, end }: { readonly start: number; readonly end: number }) {
    this.start = start;
    this.end = end;
  }
}

/** A message that was found; passage null where it is damaged. */
export interface LoadedHit {
  readonly message: Message;
  readonly cursor: string;
  readonly passage: { readonly snippet: string; readonly highlights: readonly TextRange[] } | null;
}

@ObjectType({ simpleResolvers: true, description: 'A message that was found.' })
export class SearchEdge {
  constructor(private readonly hit: LoadedHit) {}

  @ObjectField(() => String, { description: 'Its place among what is searched: a cursor for after.' })
  get cursor(): string {
    return this.hit.cursor;
  }

  @ObjectField(() => Message, {
    nullable: true,
    description:
      'The message; it may stand on a hidden branch, and its cursor opens the page around it. Null only with DATA_INTEGRITY in errors.',
  })
  get node(): Message {
    if (!this.hit.passage) throw dataIntegrity();
    return this.hit.message;
  }

  @ObjectField(() => String, {
    description: 'A passage of the message around the first match, at most 200 characters. Empty where node is null.',
  })
  get snippet(): string {
    return this.hit.passage?.snippet ?? '';
  }

  @ObjectField(() => [TextRange], {
    description: 'Where the matches stand in snippet: [start, end) in UTF-16 code units.',
  })
  get highlights(): readonly TextRange[] {
    return this.hit.passage?.highlights ?? [];
  }
}

export interface LoadedSearch {
  readonly edges: readonly SearchEdge[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly complete: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'Messages that were found, newest first.' })
export class SearchConnection {
  constructor(private readonly page: LoadedSearch) {}

  @ObjectField(() => [SearchEdge], { description: 'The messages of this page, each with its passage.' })
  get edges(): readonly SearchEdge[] {
    return this.page.edges;
  }

  @ObjectField(() => PageInfo, { description: 'What stands around this page.' })
  get pageInfo(): PageInfo {
    return new PageInfo(this.page);
  }

  @ObjectField(() => Boolean, {
    description:
      'False where the unfinished last word was not looked for in all of the history: messages with longer words than it may be missing. Finish the word, with a blank after it, to have all of them.',
  })
  get complete(): boolean {
    return this.page.complete;
  }
}
