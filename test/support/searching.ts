import type { Person } from './person.js';

export interface FoundEdge {
  readonly cursor: string;
  readonly snippet: string;
  readonly highlights: readonly { readonly start: number; readonly end: number }[];
  readonly node: { readonly id: string; readonly content: string; readonly visible: boolean } | null;
}

export interface FoundMessages {
  readonly complete: boolean;
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly edges: readonly FoundEdge[];
}

export interface Searching {
  readonly query: string;
  readonly conversationId?: string | null;
  readonly first?: number;
  readonly after?: string | null;
}

export const searchQuery = `query ($query: String!, $conversationId: ID, $first: Int, $after: String) {
  search(query: $query, conversationId: $conversationId, first: $first, after: $after) {
    complete
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor snippet highlights { start end } node { id content visible } }
  }
}`;

/** One page; null where there is no such conversation. */
export async function search(person: Person, given: Searching): Promise<FoundMessages | null> {
  return (await person.data<{ search: FoundMessages | null }>(searchQuery, given)).search;
}

/** The contents that one page of a search finds. */
export async function foundBy(person: Person, query: string, more: Omit<Searching, 'query'> = {}): Promise<string[]> {
  const found = await search(person, { query, ...more });
  if (!found) throw new Error('There is no such conversation.');
  return found.edges.map(({ node }) => node?.content ?? '');
}

/** The parts of its snippet that a hit shows as matches. */
export const highlighted = ({ snippet, highlights }: FoundEdge): string[] =>
  highlights.map(({ start, end }) => snippet.slice(start, end));
