import 'reflect-metadata';
import { Field, type FieldOptions } from 'type-graphql';

export type FieldType = () => object;
export type ObjectFieldOptions = FieldOptions & { readonly description: string };

/**
 * A field of an object type that is read straight off the object: a property, a getter, or a method without arguments.
 * TypeGraphQL's own `@Field` wraps getters and methods in a resolver; not told what it decorates, it leaves them to
 * GraphQL's default, which costs nothing for a field that was not asked for. The type must have `simpleResolvers`.
 */
export function ObjectField(type: FieldType, options: ObjectFieldOptions) {
  return (prototype: object, property: string): void => Field(type, options)(prototype, property);
}
