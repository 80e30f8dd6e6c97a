import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** What the text of an operation says of its size, fragments spread wherever they are named. */
export interface QueryShape {
  /** Levels of fields; a root field that is a leaf has 1. Introspection is not in it. */
  readonly depth: number;
  /** Levels of fields below and with `__schema` or `__type`. */
  readonly introspectionDepth: number;
  readonly aliases: number;
  readonly rootFields: number;
}

type Measure = Omit<QueryShape, 'rootFields'>;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

const nothing: Measure = { depth: 0, introspectionDepth: 0, aliases: 0 };

export function fragmentsOf(document: DocumentNode): Fragments {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return fragments;
}

/** Each fragment is measured once, so that fragments of fragments cost what their text does. */
export function shapeOf(document: DocumentNode, operation: OperationDefinitionNode): QueryShape {
  const fragments = fragmentsOf(document);
  const measured = new Map<string, Measure>();
  return { ...measure(operation.selectionSet), rootFields: countRootFields(operation, fragments) };

  function measure(selectionSet: SelectionSetNode | undefined): Measure {
    return (selectionSet?.selections ?? []).map(measureSelection).reduce(join, nothing);
  }

  function measureSelection(selection: SelectionNode): Measure {
    if (selection.kind === Kind.INLINE_FRAGMENT) return measure(selection.selectionSet);
    if (selection.kind === Kind.FRAGMENT_SPREAD) return measureFragment(selection.name.value);
    const { depth, introspectionDepth, aliases } = measure(selection.selectionSet);
    const own = selection.alias ? 1 : 0;
    return isIntrospection(selection.name.value)
      ? { depth: 0, introspectionDepth: depth + 1, aliases: aliases + own }
      : { depth: depth + 1, introspectionDepth, aliases: aliases + own };
  }

  function measureFragment(name: string): Measure {
    const known = measured.get(name);
    if (known) return known;
    // Validation has refused cycles; should one come through, it ends here.
    measured.set(name, nothing);
    const result = measure(fragments.get(name)?.selectionSet);
    measured.set(name, result);
    return result;
  }
}

/** The names of an operation's root fields, those in fragments included. */
export function rootFieldNames(document: DocumentNode, operation: OperationDefinitionNode): ReadonlySet<string> {
  const names = new Set<string>();
  visitRootFields(operation.selectionSet, fragmentsOf(document), new Set(), (name) => names.add(name));
  return names;
}

function countRootFields(operation: OperationDefinitionNode, fragments: Fragments): number {
  let count = 0;
  visitRootFields(operation.selectionSet, fragments, new Set(), () => {
    count += 1;
  });
  return count;
}

/** A fragment counts once: spread again on the same level, its fields merge. */
function visitRootFields(
  selectionSet: SelectionSetNode,
  fragments: Fragments,
  visited: Set<string>,
  visit: (name: string) => void,
): void {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) visit(selection.name.value);
    else if (selection.kind === Kind.INLINE_FRAGMENT) {
      visitRootFields(selection.selectionSet, fragments, visited, visit);
    } else if (!visited.has(selection.name.value)) {
      visited.add(selection.name.value);
      const fragment = fragments.get(selection.name.value);
      if (fragment) visitRootFields(fragment.selectionSet, fragments, visited, visit);
    }
  }
}

const isIntrospection = (fieldName: string) => fieldName === '__schema' || fieldName === '__type';

function join(one: Measure, other: Measure): Measure {
  return {
    depth: Math.max(one.depth, other.depth),
    introspectionDepth: Math.max(one.introspectionDepth, other.introspectionDepth),
    aliases: one.aliases + other.aliases,
  };
}
