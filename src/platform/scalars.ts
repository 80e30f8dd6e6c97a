import { GraphQLError, GraphQLScalarType, Kind, type ObjectValueNode, type ValueNode } from 'graphql';
import type { Instant } from './instant.js';

/** Deep enough for any record that people write, and far from where JSON.stringify ends its stack. */
const maxJsonDepth = 64;

const refuse = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });

/**
 * Instants are ISO text inside, from the driver to the answer, and `Date` where something reckons with them.
 * What a client sends comes out as text in UTC with milliseconds, so that it compares with stored ones as text.
 */
export const DateTime = new GraphQLScalarType<Instant, string>({
  name: 'DateTime',
  description: 'An instant, ISO 8601 in UTC with milliseconds, e.g. 2026-11-20T12:00:00.000Z.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: writeInstant,
  parseValue: readInstant,
  parseLiteral: (node) => readingAt(node, () => readInstant(node.kind === Kind.STRING ? node.value : undefined)),
});

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Plain JSON objects of well-formed text: what PostgreSQL would change or refuse silently is refused here. */
export const JSONObject = new GraphQLScalarType<JsonObject, JsonObject>({
  name: 'JSONObject',
  description: 'A JSON object.',
  serialize: (value) => {
    if (isRecord(value)) return value;
    throw new TypeError('A JSONObject field gave something that is no object.');
  },
  parseValue: readJsonObject,
  parseLiteral: (node, variables) =>
    readingAt(node, () => readJsonObject(node.kind === Kind.OBJECT ? fieldsOf(node, variables ?? {}, 1) : undefined)),
});

/** What is refused of a literal says where it stands. */
function readingAt<Value>(node: ValueNode, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw new GraphQLError(error.message, { nodes: node, extensions: error.extensions });
  }
}

const iso8601 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function readInstant(value: unknown): Instant {
  const [, local, fraction = '', zone] = (typeof value === 'string' && iso8601.exec(value)) || [];
  if (local === undefined || zone === undefined) {
    throw refuse('A DateTime is ISO 8601 text with a time zone, like 2026-11-20T12:00:00.000Z.');
  }
  const milliseconds = fraction.slice(0, 4);
  const asUtc = Date.parse(`${local}${milliseconds}Z`);
  const atMs = Date.parse(`${local}${milliseconds}${zone}`);
  // Date rolls 31 April over into May: what is no day of the calendar does not come back the same.
  const isOnCalendar = !Number.isNaN(asUtc) && new Date(asUtc).toISOString().startsWith(local);
  const text = isOnCalendar && !Number.isNaN(atMs) ? new Date(atMs).toISOString() : '';
  // PostgreSQL has no year 0.
  if (text.length !== 24 || text.startsWith('0000'))
    throw refuse('A DateTime names a day, a time or a zone that does not exist.');
  return text;
}

/** Text as it is stored passes unread: this runs once for every instant of a page. */
function writeInstant(value: unknown): Instant {
  if (typeof value === 'string' && value.length === 24 && value.endsWith('Z')) return value;
  if (value instanceof Date) return value.toISOString();
  throw new TypeError('A DateTime field gave neither a Date nor ISO text in UTC with milliseconds.');
}

function readJsonObject(value: unknown): JsonObject {
  if (!isRecord(value)) throw refuse('A JSONObject is an object, like {"color": "green"}.');
  checkJson(value, 1);
  return value;
}

function checkJson(value: JsonValue, depth: number): void {
  if (typeof value === 'string') checkText(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw refuse('A number in a JSONObject is out of range.');
  if (value === null || typeof value !== 'object') return;
  if (depth > maxJsonDepth) throw refuse(`A JSONObject nests ${maxJsonDepth} levels at most.`);
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__') throw refuse('A JSONObject cannot have a field named __proto__.');
    checkText(name);
    checkJson(item, depth + 1);
  }
}

function checkText(text: string): void {
  if (!text.isWellFormed() || text.includes('\0')) {
    throw refuse('Text in a JSONObject is well-formed Unicode without NUL.');
  }
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function fieldsOf(node: ObjectValueNode, variables: Record<string, unknown>, depth: number): unknown {
  if (depth > maxJsonDepth) throw refuse(`A JSONObject nests ${maxJsonDepth} levels at most.`);
  return Object.fromEntries(
    node.fields.map((field) => [field.name.value, literalValue(field.value, variables, depth + 1)]),
  );
}

function literalValue(node: ValueNode, variables: Record<string, unknown>, depth: number): unknown {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value;
    case Kind.ENUM:
      throw refuse(`A JSONObject knows no ${node.value}: text stands in quotes.`);
    case Kind.LIST:
      return node.values.map((item) => literalValue(item, variables, depth + 1));
    case Kind.OBJECT:
      return fieldsOf(node, variables, depth);
    case Kind.VARIABLE:
      return Object.hasOwn(variables, node.name.value) ? variables[node.name.value] : null;
  }
}
