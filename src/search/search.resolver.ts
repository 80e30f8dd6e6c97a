import { Args, Ctx, Query, Resolver } from 'type-graphql';
import type { Scope } from '../identity/scope.js';
import type { MakeMessageLoaders } from '../messages/message.loaders.js';
import type { SearchService } from './search.service.js';
import { SearchArguments, SearchConnection, SearchEdge, TextRange } from './search.types.js';

@Resolver()
export class SearchResolver {
  constructor(
    private readonly service: SearchService,
    private readonly messages: MakeMessageLoaders,
  ) {}

  @Query(() => SearchConnection, {
    nullable: true,
    description:
      'Messages that hold every word of query, newest first. The last word may be unfinished. What the person asked and was answered is searched, on hidden branches, too; not temporary conversations. Null where there is no such conversation.',
  })
  async search(
    @Args(() => SearchArguments) given: SearchArguments,
    @Ctx() scope: Scope,
  ): Promise<SearchConnection | null> {
    const page = await this.service.search(scope, given);
    if (!page) return null;
    const { keep } = scope.of(this.messages);
    const edges = page.hits.map(({ row, cursor, passage }) => {
      const highlights = passage?.highlights.map((range) => new TextRange(range)) ?? [];
      return new SearchEdge({ message: keep(row), cursor, passage: passage && { ...passage, highlights } });
    });
    return new SearchConnection({ ...page, edges });
  }
}
