import { pageSize } from '../clients/documents.js';
import { type Attempt, type Wish, wishesOf } from '../operations.js';
import type { Check, Found } from './found.js';

/** What was edited or answered anew stands beside what was named, or below the question that was named. */
export const branchesStand: Check = (found) =>
  [...found.messages.values()].flatMap(({ id, parent }) => {
    const { wish, part } = found.origins.get(id) ?? {};
    const named = found.messages.get(wish?.attempts[0]?.message ?? '');
    const isFirst = part === (wish?.kind === 'editMessage' ? 'question' : 'answer');
    if (!named || !isFirst) return [];
    const isBelow = wish?.kind === 'regenerateAnswer' && named.role === 'USER';
    const stands = parent === (isBelow ? named.id : named.parent);
    return stands ? [] : [`The message ${id} of key ${wish?.key} stands elsewhere than ${named.id} says.`];
  });

/** Something that made a branch the visible one, or may have: from its start to its acknowledgement. */
interface Move {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly acknowledged: boolean;
  /** Could it have shown the branch that ends in this message? */
  shows(leaf: string): boolean;
}

/** What somebody was shown: the end of the visible branch. */
interface Look {
  readonly name: string;
  readonly page: readonly string[];
  readonly startedMs: number;
  readonly endedMs: number;
}

/**
 * Each page that anybody read, and what is shown at the end, is the branch of whatever moved it last: of some move that
 * had begun by then and after which, before the look, no other was begun and acknowledged.
 */
export const branchesShow: Check = (found) => {
  const looks = Map.groupBy(
    found.attempts.filter(({ kind, outcome }) => kind === 'readPage' && outcome === 'ok'),
    ({ conversation }) => conversation ?? '',
  );
  const moves = movesOf(found);
  return [...found.stored.a.values()].flatMap(({ conversation, visible }) => {
    if (!visible) return [];
    const last = Number.MAX_SAFE_INTEGER;
    const end: Look = { name: 'What is shown at the end', page: visible, startedMs: last, endedMs: last };
    const all = [...(looks.get(conversation) ?? []).map(lookOf), end];
    const moved = moves.get(conversation) ?? [];
    return all.flatMap((look) => faultOfLook(found, conversation, look, moved));
  });
};

const lookOf = ({ op, result, startedMs, endedMs }: Attempt): Look => ({
  ...{ name: `The page that operation ${op} read`, page: result?.messages ?? [], startedMs, endedMs },
});

function faultOfLook(found: Found, conversation: string, look: Look, moves: readonly Move[]): string[] {
  const { page, startedMs, endedMs } = look;
  const name = `${look.name} of ${conversation}`;
  const isPath = page.every((id, index) => {
    const parent = found.messages.get(id)?.parent;
    return index === 0 ? parent === null || page.length === pageSize : parent === page[index - 1];
  });
  if (!isPath) return [`${name} is no piece of a branch.`];
  const before = moves.filter(({ acknowledged, endedMs: doneMs }) => acknowledged && doneMs < startedMs);
  const isLast = (move: Pick<Move, 'endedMs'>) => !before.some((other) => other.startedMs > move.endedMs);
  const leaf = page.at(-1);
  const fits =
    leaf === undefined
      ? before.length === 0
      : moves.some((move) => move.startedMs <= endedMs && isLast(move) && move.shows(leaf));
  return fits ? [] : [`${name} shows another branch than was made visible last.`];
}

function movesOf(found: Found): ReadonlyMap<string, readonly Move[]> {
  // The last part of each wish, by position.
  const leaves = new Map([...found.origins].map(([id, { wish }]) => [wish, id]));
  const places = new Map([...found.messages.keys()].map((id, place) => [id, place]));
  const placeOf = (id: string) => places.get(id) ?? 0;
  const made = [...leaves].map(([wish, leaf]) => ({
    conversation: found.messages.get(leaf)?.conversation ?? '',
    ...{ leaf, ...timesOf(wish) },
    shows: (id: string) => id === leaf,
  }));
  const switches = wishesOf(found.attempts, 'selectBranch').filter(({ possible }) => possible);
  const switched = switches.map((wish) => {
    const { message, conversation } = wish.attempts[0] ?? {};
    const isOn = (id: string) => isBelow(found, id, message ?? '');
    // The newest leaf is no older than any that was known to be there by then.
    const known = made.filter(({ endedMs, leaf }) => endedMs < wish.startedMs && isOn(leaf));
    const shows = (id: string) => isOn(id) && known.every(({ leaf }) => placeOf(leaf) <= placeOf(id));
    return { conversation: conversation ?? '', ...timesOf(wish), shows };
  });
  return Map.groupBy([...made, ...switched], ({ conversation }) => conversation);
}

const timesOf = ({ startedMs, acknowledged }: Wish) => ({
  startedMs,
  endedMs: acknowledged?.endedMs ?? Number.POSITIVE_INFINITY,
  acknowledged: acknowledged !== null,
});

function isBelow(found: Found, id: string, above: string): boolean {
  for (let at: string | null | undefined = id; at; at = found.messages.get(at)?.parent) if (at === above) return true;
  return false;
}
