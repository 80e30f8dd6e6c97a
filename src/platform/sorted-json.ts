/** JSON with the fields of every object in one order, whatever order they were given in: equal values, equal text. */
export function sortedJson(value: object): string {
  return JSON.stringify(value, sortFields);
}

function sortFields(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
