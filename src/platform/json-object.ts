import { badUserInput } from '../errors.js';
import type { JsonObject } from './scalars.js';

/**
 * A JSON object as the text that is sealed; null for the empty one, for null and for none. Whether it is an object of
 * well-formed text the scalar has checked.
 * @param maxBytes of its JSON in UTF-8
 * @throws BAD_USER_INPUT naming `field` where it is larger
 */
export function writeJsonObject(field: string, value: JsonObject | null | undefined, maxBytes: number): string | null {
  if (value === null || value === undefined || Object.keys(value).length === 0) return null;
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) > maxBytes)
    throw badUserInput(field, `${field} is larger than ${maxBytes} bytes of JSON.`);
  return json;
}
