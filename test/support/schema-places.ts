import {
  buildSchema,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isObjectType,
} from 'graphql';
import { schemaText } from '../../src/schema-text.js';

/** Where something can be handed in: a field and an argument of it, or a field of the input object that this takes. */
export interface InputPlace {
  /** As in `Mutation.sendMessage(input.parentId)`. */
  readonly name: string;
  readonly type: string;
}

const schema: GraphQLSchema = buildSchema(schemaText());

/** Every place in the schema at which a client can hand something in, those of nested fields included. */
export function inputPlaces(): InputPlace[] {
  const places: InputPlace[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      for (const { name, type: given } of field.args) {
        for (const place of within(name, given, [])) {
          places.push({ ...place, name: `${type.name}.${field.name}(${place.name})` });
        }
      }
    }
  }
  return places;
}

function within(path: string, type: GraphQLInputType, around: readonly string[]): InputPlace[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [{ name: path, type: named.name }];
  if (around.includes(named.name)) return [];
  return Object.values(named.getFields()).flatMap((field) =>
    within(`${path}.${field.name}`, field.type, [...around, named.name]),
  );
}

/** A document for every field of the root types, with the least that it has to be given. */
export function rootDocuments(): { readonly name: string; readonly operation: string; readonly document: string }[] {
  const roots = [
    { operation: 'query', type: schema.getQueryType() },
    { operation: 'mutation', type: schema.getMutationType() },
    { operation: 'subscription', type: schema.getSubscriptionType() },
  ];
  return roots.flatMap(({ operation, type }) =>
    Object.values(type?.getFields() ?? {}).map((field) => {
      const needed = field.args.filter((arg) => String(arg.type).endsWith('!') && arg.defaultValue === undefined);
      const given = needed.map((arg) => `${arg.name}: ${least(arg.type)}`).join(', ');
      const document = `${operation} { ${field.name}${given && `(${given})`} { __typename } }`;
      return { name: `${type?.name}.${field.name}`, operation, document };
    }),
  );
}

function least(type: GraphQLInputType): string {
  if (String(type).startsWith('[')) return '[]';
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return named.name === 'Int' ? '1' : '"x"';
  const needed = Object.values(named.getFields()).filter(
    (field) => String(field.type).endsWith('!') && field.defaultValue === undefined,
  );
  return `{ ${needed.map((field) => `${field.name}: ${least(field.type)}`).join(', ')} }`;
}
