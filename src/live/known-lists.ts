import type { Querier } from '../platform/database.js';
import { findListDigests, findListRevisions } from './live.repository.js';
import type { WatchedList } from './watched.js';

/** People with more conversations are told to read their list again, instead of what changed in it. */
const mostKnown = 10_000;

/** What an owner's list looked like when the database was last asked. */
interface Known {
  readonly digest: string;
  /** By id; null where there are too many. */
  readonly revisions: ReadonlyMap<string, number> | null;
}

/** The list of one owner, for all who follow it on this instance. */
export interface FollowedList {
  readonly ownerId: string;
  readonly watched: ReadonlySet<WatchedList>;
  /** Null until it was first looked at. */
  known: Known | null;
}

/**
 * Looks at lists, and wakes whoever follows one in which something changed that they were not told of. A digest says
 * whether anything did, so that a list at rest costs one row; the revisions of a whole list are read only where it
 * differs.
 */
export async function compareLists(querier: Querier, lists: readonly FollowedList[]): Promise<void> {
  if (lists.length === 0) return;
  const rows = await findListDigests(
    querier,
    lists.map(({ ownerId }) => ownerId),
  );
  const digests = new Map(rows.map((row) => [row.owner_id, row]));
  let batch: { readonly list: FollowedList; readonly digest: string }[] = [];
  let batchSize = 0;
  for (const list of lists) {
    const { digest = '', count = 0 } = digests.get(list.ownerId) ?? {};
    if (list.known?.digest === digest) for (const one of list.watched) one.compared(list.known.revisions);
    else if (count > mostKnown) replace(list, { digest, revisions: null });
    else {
      batch.push({ list, digest });
      batchSize += count;
    }
    if (batchSize < mostKnown) continue;
    await compareWhole(querier, batch);
    batch = [];
    batchSize = 0;
  }
  await compareWhole(querier, batch);
}

async function compareWhole(
  querier: Querier,
  batch: readonly { readonly list: FollowedList; readonly digest: string }[],
): Promise<void> {
  if (batch.length === 0) return;
  const ownerIds = batch.map(({ list }) => list.ownerId);
  const revisions = new Map(ownerIds.map((ownerId) => [ownerId, new Map<string, number>()]));
  for (const row of await findListRevisions(querier, ownerIds)) revisions.get(row.owner_id)?.set(row.id, row.revision);
  for (const { list, digest } of batch) replace(list, { digest, revisions: revisions.get(list.ownerId) ?? new Map() });
}

function replace(list: FollowedList, now: Known): void {
  const before = list.known;
  list.known = now;
  if (!before) return;
  for (const one of list.watched) {
    if (before.revisions && now.revisions) compareRevisions(one, before.revisions, now.revisions);
    else one.overflow();
    one.compared(now.revisions);
  }
}

function compareRevisions(
  watched: WatchedList,
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): void {
  for (const [id, revision] of now) if (before.get(id) !== revision) watched.compare(id, revision);
  for (const id of before.keys()) if (!now.has(id)) watched.compare(id, null);
}
