import type { Begun, Ended, InstanceName } from '../history.js';
import { documents } from './documents.js';
import type { World } from './world.js';

export type Wanted = Pick<Begun, 'kind' | 'person'> & {
  readonly variables: object;
  readonly key?: string;
  readonly conversation?: string | null;
  readonly message?: string;
  readonly wrote?: readonly string[];
};

/** One attempt at one instance, logged before and after it. */
export async function operate(world: World, instance: InstanceName, wanted: Wanted): Promise<Omit<Ended, 'type'>> {
  const { kind, person, variables, key = null, conversation = null, message = null, wrote = [] } = wanted;
  const op = world.history.nextOperation();
  world.history.add({ type: 'begin', op, kind, person, instance, key, conversation, message, wrote });
  const outcome = await attempt(world, instance, wanted, variables);
  const ended = { op, ...outcome };
  world.history.add({ type: 'end', ...ended });
  return ended;
}

async function attempt(
  world: World,
  instance: InstanceName,
  { kind, person }: Wanted,
  variables: object,
): Promise<Omit<Ended, 'type' | 'op'>> {
  const { query, resultOf } = documents[kind];
  try {
    const { data, errors } = await world.callers[instance].call(world.tokenOf(person), query, variables);
    const [refusal] = errors ?? [];
    if (!refusal && data) return { outcome: 'ok', result: resultOf(data) };
    const { code = 'NONE', reason, retryable } = refusal?.extensions ?? { reason: null, retryable: false };
    const why = typeof reason === 'string' ? { reason } : {};
    return { outcome: 'refused', code: String(code), ...why, retryable: retryable === true };
  } catch (error) {
    return { outcome: 'unknown', code: error instanceof Error ? error.message : String(error) };
  }
}
