import type { GraphQLSchema } from 'graphql';

const objects = new WeakMap<GraphQLSchema, ReadonlyMap<unknown, object>>();

/** Keeps the resolver objects that a schema was built with. */
export function rememberResolvers(schema: GraphQLSchema, resolvers: readonly object[]): void {
  objects.set(schema, new Map(resolvers.map((resolver) => [resolver.constructor, resolver])));
}

/**
 * The resolver object of this class in a schema. For the source of a subscription, which TypeGraphQL takes in a
 * decorator, where there is no object yet.
 */
export function resolverOf<T extends object>(
  schema: GraphQLSchema,
  resolverClass: abstract new (...args: never[]) => T,
): T {
  const resolver = objects.get(schema)?.get(resolverClass);
  if (resolver instanceof resolverClass) return resolver;
  throw new Error('The schema was built without a resolver of this class.');
}
