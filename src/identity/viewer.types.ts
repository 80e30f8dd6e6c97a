import { ID, ObjectType } from 'type-graphql';
import { toPublicId } from '../platform/ids.js';
import { ObjectField } from '../platform/object-field.types.js';
import { Node, type NodeFinder } from './node.types.js';
import type { Scope } from './scope.js';

@ObjectType('Viewer', {
  implements: Node,
  simpleResolvers: true,
  description: 'The person whose token was presented. Everything below is theirs alone.',
})
export class ViewerType implements Node {
  constructor(readonly scope: Scope) {}

  @ObjectField(() => ID, { description: 'Unique over all types; to be treated as opaque.' })
  get id(): string {
    return toPublicId('usr', this.scope.viewer.id);
  }

  @ObjectField(() => String, { nullable: true, description: 'As the token says; null where it does not.' })
  get email(): string | null {
    return this.scope.viewer.email;
  }

  @ObjectField(() => String, { nullable: true, description: 'As the token says; null where it does not.' })
  get department(): string | null {
    return this.scope.viewer.department;
  }

  @ObjectField(() => [String], { description: 'As the token says; empty where it names none.' })
  get roles(): readonly string[] {
    return this.scope.viewer.roles;
  }
}

/** People find themselves, and nobody else. */
export const viewerFinder: NodeFinder = {
  prefix: 'usr',
  load: async (scope, id) => (id === scope.viewer.id ? new ViewerType(scope) : null),
};
