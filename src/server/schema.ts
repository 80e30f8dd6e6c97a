import 'reflect-metadata';
import { type GraphQLObjectType, type GraphQLSchema, printSchema } from 'graphql';
import { buildSchemaSync, type ContainerType, type PubSub } from 'type-graphql';
import { rememberResolvers } from '../platform/resolver-objects.js';

/**
 * The schema that resolver objects make. Their classes carry the decorators; what they need they were built with, so
 * that nothing here makes an object.
 */
export function buildParleySchema(resolvers: readonly object[]): GraphQLSchema {
  const byClass = new Map<unknown, object>(resolvers.map((resolver) => [resolver.constructor, resolver]));
  const container: ContainerType = {
    get(resolverClass: unknown) {
      const resolver = byClass.get(resolverClass);
      if (!resolver) throw new Error('A resolver class is in the schema, but no object of it was handed in.');
      return resolver;
    },
  };
  const [first, ...others] = resolvers.map((resolver) => resolver.constructor);
  if (!first) throw new Error('A schema needs resolvers.');
  const schema = buildSchemaSync({ resolvers: [first, ...others], container, pubSub: noPubSub, validate: false });
  rememberResolvers(schema, resolvers);
  describeRoots(schema);
  return schema;
}

/** The schema as it is kept in schema.graphql: in the order of its definitions, which is that of the code. */
export function printParleySchema(schema: GraphQLSchema): string {
  return `${printSchema(schema)}\n`;
}

/** TypeGraphQL wants one wherever there is a subscription; ours bring a source of their own. */
const noPubSub: PubSub = {
  publish: refuse,
  subscribe: refuse,
};

function refuse(): never {
  throw new Error('Subscriptions have sources of their own here: give @Subscription a subscribe.');
}

/** TypeGraphQL makes the three root types itself, without a description. */
function describeRoots(schema: GraphQLSchema): void {
  const describe = (type: GraphQLObjectType | null | undefined, description: string) => {
    if (type) type.description = description;
  };
  describe(schema.getQueryType(), "What can be read. Everything is the viewer's own, but for usageReport.");
  describe(schema.getMutationType(), "What can be changed. Everything is the viewer's own.");
  describe(schema.getSubscriptionType(), 'What can be followed live, over the WebSocket.');
}
