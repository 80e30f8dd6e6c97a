import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { badUserInput } from '../errors.js';
import { Node, type NodeFinder } from '../identity/node.types.js';
import type { Scope } from '../identity/scope.js';
import { fromPublicId, type IdPrefix } from '../platform/ids.js';

@Resolver()
export class NodeResolver {
  private readonly finders: ReadonlyMap<IdPrefix, NodeFinder>;

  constructor(
    finders: readonly NodeFinder[],
    private readonly idsPerRequest: number,
  ) {
    this.finders = new Map(finders.map((finder) => [finder.prefix, finder]));
  }

  @Query(() => Node, {
    nullable: true,
    description:
      "One object by its id. Null for what does not exist and for what is someone else's: the two cannot be told apart.",
  })
  node(@Arg('id', () => ID, { description: 'The id of any Node.' }) id: string, @Ctx() scope: Scope) {
    return this.find(scope, id);
  }

  @Query(() => [Node], {
    nullable: 'items',
    description: 'Objects by their ids, 100 at most, in the order of the ids; null for each that is not there.',
  })
  nodes(@Arg('ids', () => [ID], { description: 'Ids of any Nodes, 100 at most.' }) ids: string[], @Ctx() scope: Scope) {
    if (ids.length > this.idsPerRequest) throw badUserInput('ids', `Ask for ${this.idsPerRequest} ids at most.`);
    return ids.map((id) => this.find(scope, id));
  }

  private async find(scope: Scope, publicId: string): Promise<object | null> {
    for (const finder of this.finders.values()) {
      const id = fromPublicId(finder.prefix, publicId);
      if (id !== null) return finder.load(scope, id);
    }
    return null;
  }
}
