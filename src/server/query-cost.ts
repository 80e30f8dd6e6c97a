import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import { fragmentsOf } from './query-shape.js';

export type Variables = Readonly<Record<string, unknown>>;

export interface CostOptions {
  readonly schema: GraphQLSchema;
  /** How many a field gives where the operation does not say: `{ 'Conversation.messages': 50 }`. */
  readonly defaultSizes: Readonly<Record<string, number>>;
  /** Fields refuse to give more than that, so no more is counted. */
  readonly pageSize: number;
  readonly idsPerRequest: number;
}

/** Lists without arguments are short: the ones that are not stand in `defaultSizes`. */
const assumedListSize = 10;
const assumedPageSize = 20;

/** How many objects a field gives for each object that it stands on. */
type Size = (variables: Variables) => number;

interface FieldPlan {
  readonly size: Size;
  /** The objects of this field count; those of a page or an edge are only the wrapping of others. */
  readonly counts: boolean;
  /** A list multiplies what it holds; a page multiplies only the lists in it. */
  readonly multiplies: 'all' | 'lists' | 'nothing';
  readonly below: SelectionPlan;
}

interface SelectionPlan {
  readonly single: FieldPlan[];
  /** Lists that stand on a page and have no size of their own: as many as the page has. */
  readonly paged: FieldPlan[];
  readonly spreads: SelectionPlan[];
}

interface Cost {
  readonly single: number;
  readonly paged: number;
}

/** What an operation asks for, in objects, as a function of its variables: made once for a document. */
export type CostPlan = (variables: Variables) => number;

export class CostPlanner {
  private readonly pageTypes: ReadonlySet<GraphQLNamedType>;

  constructor(private readonly options: CostOptions) {
    this.pageTypes = pageTypesOf(options.schema);
  }

  plan(document: DocumentNode, operation: OperationDefinitionNode): CostPlan {
    const fragments = fragmentsOf(document);
    const defaults = defaultsOf(operation);
    const planned = new Map<string, SelectionPlan>();
    const root = this.options.schema.getRootType(operation.operation);
    const plan = root ? this.select(root, operation.selectionSet, fragments, planned) : emptyPlan();
    return (variables) => {
      const cost = costOf(plan, { ...defaults, ...variables }, new Map());
      return cost.single + cost.paged;
    };
  }

  private select(
    type: GraphQLNamedType,
    selectionSet: SelectionSetNode | undefined,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    planned: Map<string, SelectionPlan>,
  ): SelectionPlan {
    const plan = emptyPlan();
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        const field = fieldOf(type, selection);
        if (!field || !isCompositeType(getNamedType(field.type))) continue;
        const below = this.select(getNamedType(field.type), selection.selectionSet, fragments, planned);
        const isPaged = this.pageTypes.has(type) && isList(field) && !takesPage(field);
        const list = isPaged ? plan.paged : plan.single;
        list.push(this.fieldPlan(type, field, below, isPaged ? one : this.sizeOf(type, field, selection)));
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const on = this.narrowed(type, selection.typeCondition?.name.value);
        plan.spreads.push(this.select(on, selection.selectionSet, fragments, planned));
      } else {
        plan.spreads.push(this.spread(type, selection.name.value, fragments, planned));
      }
    }
    return plan;
  }

  private spread(
    type: GraphQLNamedType,
    name: string,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    planned: Map<string, SelectionPlan>,
  ): SelectionPlan {
    const known = planned.get(name);
    if (known) return known;
    // Validation has refused cycles; should one come through, it ends here.
    planned.set(name, emptyPlan());
    const fragment = fragments.get(name);
    const on = this.narrowed(type, fragment?.typeCondition.name.value);
    const plan = this.select(on, fragment?.selectionSet, fragments, planned);
    planned.set(name, plan);
    return plan;
  }

  private narrowed(type: GraphQLNamedType, name: string | undefined): GraphQLNamedType {
    return (name === undefined ? undefined : this.options.schema.getType(name)) ?? type;
  }

  private fieldPlan(
    parent: GraphQLNamedType,
    field: GraphQLField<unknown, unknown>,
    below: SelectionPlan,
    size: Size,
  ): FieldPlan {
    const type = getNamedType(field.type);
    const isPage = this.pageTypes.has(type);
    const isWrapping = isPage || type.name === 'PageInfo' || (field.name === 'node' && parent.name.endsWith('Edge'));
    return { size, counts: !isWrapping, multiplies: isList(field) ? 'all' : isPage ? 'lists' : 'nothing', below };
  }

  private sizeOf(parent: GraphQLNamedType, field: GraphQLField<unknown, unknown>, node: FieldNode): Size {
    const { pageSize, idsPerRequest, defaultSizes } = this.options;
    const values = (name: string) => node.arguments?.filter((argument) => argument.name.value === name) ?? [];
    const counts = [...values('first'), ...values('last')].map((argument) => argument.value);
    const ids = values('ids').map((argument) => argument.value);
    const assumed = takesPage(field) ? assumedPageSize : assumedListSize;
    const whenUnsaid = defaultSizes[`${parent.name}.${field.name}`] ?? assumed;
    return (variables) => {
      const asked = counts
        .map((value) => valueOfArgument(value, variables))
        .filter((value) => typeof value === 'number');
      if (asked.length > 0) return Math.min(Math.max(...asked, 1), pageSize);
      const lists = ids.map((value) => valueOfArgument(value, variables)).filter((value) => Array.isArray(value));
      if (lists.length > 0) return Math.min(Math.max(...lists.map((list) => list.length)), idsPerRequest);
      return whenUnsaid;
    };
  }
}

const emptyPlan = (): SelectionPlan => ({ single: [], paged: [], spreads: [] });

const one: Size = () => 1;

/** Each selection is summed up once, so that fragments of fragments cost what their text does. */
function costOf(plan: SelectionPlan, variables: Variables, known: Map<SelectionPlan, Cost>): Cost {
  const before = known.get(plan);
  if (before) return before;
  const spreads = plan.spreads.map((spread) => costOf(spread, variables, known));
  const sum = (fields: readonly FieldPlan[]) =>
    fields.reduce((total, field) => total + fieldCost(field, variables, known), 0);
  const cost: Cost = {
    single: spreads.reduce((total, spread) => total + spread.single, sum(plan.single)),
    paged: spreads.reduce((total, spread) => total + spread.paged, sum(plan.paged)),
  };
  known.set(plan, cost);
  return cost;
}

function fieldCost(field: FieldPlan, variables: Variables, known: Map<SelectionPlan, Cost>): number {
  const below = costOf(field.below, variables, known);
  const own = field.counts ? 1 : 0;
  switch (field.multiplies) {
    case 'all':
      return field.size(variables) * (own + below.single + below.paged);
    case 'lists':
      return own + below.single + field.size(variables) * below.paged;
    case 'nothing':
      return own + below.single + below.paged;
  }
}

/** A page is what a field with `first` or `last` gives when that is not itself a list: a connection. */
function pageTypesOf(schema: GraphQLSchema): ReadonlySet<GraphQLNamedType> {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [],
  );
  return new Set(fields.filter((field) => takesPage(field) && !isList(field)).map((field) => getNamedType(field.type)));
}

const takesPage = (field: GraphQLField<unknown, unknown>) =>
  field.args.some((argument) => argument.name === 'first' || argument.name === 'last');

const isList = ({ type }: GraphQLField<unknown, unknown>) => isListType(isNonNullType(type) ? type.ofType : type);

function fieldOf(type: GraphQLNamedType, node: FieldNode): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
}

function valueOfArgument(node: ValueNode, variables: Variables): unknown {
  return node.kind === Kind.VARIABLE ? variables[node.name.value] : valueFromASTUntyped(node, variables);
}

function defaultsOf(operation: OperationDefinitionNode): Variables {
  return Object.fromEntries(
    (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
    ),
  );
}
