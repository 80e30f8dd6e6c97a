import { Ctx, Query, Resolver } from 'type-graphql';
import type { Scope } from './scope.js';
import { ViewerType } from './viewer.types.js';

@Resolver()
export class ViewerResolver {
  @Query(() => ViewerType, { description: 'The person whose token was presented.' })
  viewer(@Ctx() scope: Scope): ViewerType {
    return new ViewerType(scope);
  }
}
