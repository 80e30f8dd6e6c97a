import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { graphql } from 'graphql';
import { Arg, Field, FieldResolver, Int, ObjectType, Query, Resolver, Root, Subscription } from 'type-graphql';
import { buildParleySchema, printParleySchema } from '../../../src/server/schema.js';

async function* noThings(): AsyncGenerator<object> {}

@ObjectType({ description: 'A thing.' })
class Thing {
  @Field(() => Int, { description: 'Its number.' })
  number: number;
}

@Resolver(() => Thing)
class ThingResolver {
  constructor(private readonly base: number) {}

  @Query(() => Thing, { description: 'A thing.' })
  thing(@Arg('plus', () => Int, { description: 'Added.' }) plus: number): Thing {
    return { number: this.base + plus };
  }

  @FieldResolver(() => Int, { description: 'Twice its number.' })
  twice(@Root() thing: Thing): number {
    return thing.number * 2;
  }

  @Subscription(() => Thing, { subscribe: noThings, description: 'Things.' })
  things(@Root() thing: Thing): Thing {
    return thing;
  }
}

describe('The schema', () => {
  it('resolves with the objects that were handed in', async () => {
    const schema = buildParleySchema([new ThingResolver(40)]);
    const result = await graphql({ schema, source: '{ thing(plus: 2) { number twice } }' });
    expect(result).toEqual({ data: { thing: { number: 42, twice: 84 } } });
  });

  it('is the same text each time, ending in one newline', () => {
    const text = printParleySchema(buildParleySchema([new ThingResolver(1)]));
    expect(text).toBe(printParleySchema(buildParleySchema([new ThingResolver(2)])));
    expect(text).toMatch(/"""A thing."""\ntype Thing \{[\s\S]*[^\n]\n$/);
  });

  it('is not made of nothing', () => {
    expect(() => buildParleySchema([])).toThrow('A schema needs resolvers.');
  });
});
