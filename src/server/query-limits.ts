import type { DocumentNode, OperationDefinitionNode } from 'graphql';
import { tooComplex } from '../errors.js';
import { type CostOptions, type CostPlan, CostPlanner, type Variables } from './query-cost.js';
import { type QueryShape, shapeOf } from './query-shape.js';
import type { ServerLimits } from './server-limits.js';

export interface QueryLimitsOptions extends Pick<CostOptions, 'schema' | 'defaultSizes'> {
  readonly limits: ServerLimits;
}

/** The standard introspection query is 15 deep; how often its lists nest is a rule of validation. */
const maxIntrospectionDepth = 20;

interface Analysis {
  readonly shape: QueryShape;
  readonly cost: CostPlan;
}

/** How much one operation may ask for. The same check for HTTP and socket, after validation, with the variables. */
export class QueryLimits {
  private readonly planner: CostPlanner;
  /** Documents are cached by whoever parses them; what is known of one lives as long as it does. */
  private readonly analyses = new WeakMap<OperationDefinitionNode, Analysis>();

  constructor(private readonly options: QueryLimitsOptions) {
    const { pageSize, idsPerRequest } = options.limits;
    this.planner = new CostPlanner({ ...options, pageSize, idsPerRequest });
  }

  /** @throws TOO_COMPLEX with the number, the limit and what to do. */
  check(document: DocumentNode, operation: OperationDefinitionNode, variables: Variables): void {
    const { shape, cost } = this.analyse(document, operation);
    const { documentDepth, documentAliases, documentRootFields, documentCost } = this.options.limits;
    refuseMore(shape.depth, documentDepth, 'levels deep', 'ask for what lies deeper in a request of its own');
    refuseMore(shape.introspectionDepth, maxIntrospectionDepth, 'levels of introspection deep', 'nest fewer types');
    refuseMore(shape.aliases, documentAliases, 'aliases long', 'use variables and separate requests instead');
    refuseMore(shape.rootFields, documentRootFields, 'root fields wide', 'split it into several requests');
    const nodes = cost(variables);
    refuseMore(nodes, documentCost, 'nodes large', 'ask for smaller pages with first or last');
  }

  private analyse(document: DocumentNode, operation: OperationDefinitionNode): Analysis {
    const known = this.analyses.get(operation);
    if (known) return known;
    const analysis = { shape: shapeOf(document, operation), cost: this.planner.plan(document, operation) };
    this.analyses.set(operation, analysis);
    return analysis;
  }
}

function refuseMore(count: number, limit: number, unit: string, remedy: string): void {
  if (count > limit) throw tooComplex(`The operation is ${count} ${unit}; ${limit} is the limit: ${remedy}.`);
}
