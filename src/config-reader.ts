import type { z } from 'zod';
import type { VariableName } from './config-variables.js';

/** What is wrong with the configuration: all of it at once, a sentence for each fault, and no value of any variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

/**
 * Reads variables and gathers what is wrong with them. A read whose value is faulty gives what it gives when the
 * variable is not set, so that the others are still checked; `faults` then keeps the result from being used.
 * White space around a value is dropped, and an empty value is one that is not set.
 */
export class VariableReader {
  readonly faults: string[] = [];
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Values never go into a fault: any of them may be a secret that was put into the wrong variable. */
  fault(name: VariableName, wrong: string, remedy: string): null {
    this.faults.push(`${name} ${wrong}; ${remedy}.`);
    return null;
  }

  text(name: VariableName): string | null {
    return this.#env[name]?.trim() || null;
  }

  whole<Unset extends number | null>(
    name: VariableName,
    range: { min: number; max: number; whenUnset: Unset },
  ): number | Unset {
    const text = this.text(name);
    if (text === null) return range.whenUnset;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.min && value <= range.max) return value;
    this.fault(name, `is not a whole number from ${range.min} to ${range.max}`, `set it to one, or leave it out`);
    return range.whenUnset;
  }

  oneOf<Value extends string>(name: VariableName, values: readonly Value[], whenUnset: Value): Value {
    const text = this.text(name);
    if (text === null) return whenUnset;
    const value = values.find((one) => one === text);
    if (value) return value;
    this.fault(name, `is none of ${values.join(', ')}`, `set it to one of them, or leave it out`);
    return whenUnset;
  }

  onOff(name: VariableName, whenUnset: boolean): boolean {
    return this.oneOf(name, ['on', 'off'], whenUnset ? 'on' : 'off') === 'on';
  }

  /** Null where it is not set or faulty. */
  url(name: VariableName, schemes: readonly string[], example: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const url = URL.parse(text);
    if (url && schemes.includes(url.protocol) && (url.hostname || url.searchParams.has('host'))) return text;
    const wanted = schemes.map((scheme) => `${scheme}//`).join(' or ');
    return this.fault(name, `is not an address that begins with ${wanted} and names a host`, `set it like ${example}`);
  }

  /** The parts between commas, without the white space around them; null where it is not set. */
  list(name: VariableName): readonly string[] | null {
    const text = this.text(name);
    return text === null ? null : text.split(',').map((part) => part.trim());
  }

  /** The value of a JSON variable; null where it is not set or not what `schema` wants. */
  json<Value>(name: VariableName, schema: z.ZodType<Value>, example: string): Value | null {
    const text = this.text(name);
    if (text === null) return null;
    const remedy = `set it like ${example}`;
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch {
      return this.fault(name, 'is not JSON', remedy);
    }
    const result = schema.safeParse(given);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.fault(name, wrongWith(issue), remedy);
    return null;
  }
}

/** Where, and in what way, a JSON value is not what was wanted: zod's messages name keys and types, never values. */
function wrongWith(issue: z.core.$ZodIssue): string {
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${path ? `has a fault at ${path.replace(/^\./, '')}` : 'is wrong'} (${issue.message})`;
}
