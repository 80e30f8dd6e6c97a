import { Arg, Ctx, FieldResolver, Int, Mutation, Resolver, Root } from 'type-graphql';
import type { Scope } from '../identity/scope.js';
import { ViewerType } from '../identity/viewer.types.js';
import { makeWaves } from '../platform/waves.js';
import type { RetentionService } from './retention.service.js';

@Resolver(() => ViewerType)
export class RetentionResolver {
  constructor(private readonly service: RetentionService) {}

  @FieldResolver(() => Int, {
    nullable: true,
    description:
      "Days of inactivity after which a conversation is deleted: the person's own, or the server's; null keeps it for ever.",
  })
  retentionDays(@Root() { scope }: ViewerType): Promise<number | null> {
    return scope.of(makeWaves).join(() => this.service.inForce(scope));
  }

  @Mutation(() => ViewerType, {
    description:
      'Chooses after how many days of inactivity conversations are deleted: fewer than the server keeps them, not more.',
  })
  async setRetention(
    @Arg('days', () => Int, { nullable: true, description: "1 or more. Null: the server's choice." })
    days: number | null | undefined,
    @Ctx() scope: Scope,
  ): Promise<ViewerType> {
    const fresh = await scope.fresh();
    await this.service.set(fresh, days ?? null);
    return new ViewerType(fresh);
  }
}
