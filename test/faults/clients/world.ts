import type { SeededRandom } from '../../support/seeded-random.js';
import type { History, InstanceName } from '../history.js';
import type { Caller } from './caller.js';

/** What all clients share. */
export interface World {
  readonly history: History;
  readonly callers: Readonly<Record<InstanceName, Caller>>;
  tokenOf(person: string): string;
  /** Messages whose erasure was acknowledged: whoever connects or reads from then on is told nothing of what they said. */
  readonly erased: ReadonlySet<string> & { add(id: string): unknown };
  /** Aborted when no new operation is begun. */
  readonly stopping: AbortSignal;
  /** Aborted when whoever still follows something is given up. */
  readonly leaving: AbortSignal;
}

export const anyInstance = (random: SeededRandom): InstanceName => random.of<InstanceName>('a', 'b');
export const otherInstance = (name: InstanceName): InstanceName => (name === 'a' ? 'b' : 'a');
