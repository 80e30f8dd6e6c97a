import { ArgsType, Field, Int, ObjectType } from 'type-graphql';
import { ObjectField } from './object-field.types.js';

/** Where a page stands in its connection. */
@ObjectType('PageInfo', {
  simpleResolvers: true,
  description: 'What stands around a page, and where it begins and ends.',
})
export class PageInfo {
  constructor(private readonly page: PageEnds) {}

  @ObjectField(() => Boolean, { description: 'Does anything follow this page in its connection?' })
  get hasNextPage(): boolean {
    return this.page.hasNextPage;
  }

  @ObjectField(() => Boolean, { description: 'Does anything precede this page in its connection?' })
  get hasPreviousPage(): boolean {
    return this.page.hasPreviousPage;
  }

  @ObjectField(() => String, { nullable: true, description: 'The cursor of the first edge; null on an empty page.' })
  get startCursor(): string | null {
    return this.page.edges[0]?.cursor ?? null;
  }

  @ObjectField(() => String, { nullable: true, description: 'The cursor of the last edge; null on an empty page.' })
  get endCursor(): string | null {
    return this.page.edges.at(-1)?.cursor ?? null;
  }
}

interface PageEnds {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly edges: readonly { readonly cursor: string }[];
}

/** The arguments of every connection as a client gives them; null is not given. `readPage` says what they come to. */
@ArgsType()
export class PageArguments {
  @Field(() => Int, { nullable: true, description: 'At most this many, from the beginning: 1 to 100. Not with last.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Only what follows this cursor.' })
  after?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'At most this many, from the end, in the same order: 1 to 100. Not with first.',
  })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'Only what precedes this cursor.' })
  before?: string | null;
}
