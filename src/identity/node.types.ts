import { ID, InterfaceType } from 'type-graphql';
import type { IdPrefix } from '../platform/ids.js';
import { ObjectField } from '../platform/object-field.types.js';
import type { Scope } from './scope.js';

@InterfaceType({ description: 'Anything that has an id of its own and can be read again by it.' })
export abstract class Node {
  @ObjectField(() => ID, { description: 'Unique over all types; to be treated as opaque.' })
  abstract readonly id: string;
}

/** How Query.node finds the objects of one type; null for what is not there or not the viewer's. */
export interface NodeFinder {
  readonly prefix: IdPrefix;
  load(scope: Scope, id: string): Promise<object | null>;
}
