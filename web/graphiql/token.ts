const storageKey = 'parley.token';
const listeners = new Set<() => void>();
let refused: string | null = null;

/**
 * The token that every request of this browser tab is made with; null while there is none. It lives in the tab's
 * session storage only: not in the address, not in a cookie, and not in what GraphiQL remembers of its editors.
 */
export const readToken = (): string | null => sessionStorage.getItem(storageKey);

/** Did the server refuse the present token? */
export const isTokenRefused = (): boolean => refused !== null && refused === readToken();

export function replaceToken(token: string): void {
  sessionStorage.setItem(storageKey, token);
  refused = null;
  notify();
}

/** To be called with the token that was sent: it may have been replaced since. */
export function refuseToken(token: string): void {
  refused = token;
  notify();
}

/** Leaves nothing of this session behind: neither the token nor what was asked with it. */
export function forgetSession(): void {
  sessionStorage.clear();
  location.reload();
}

/** Calls `listener` after each change; the result ends that. */
export function onTokenChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Moves a token that stands behind `#` (`#token=…`, or the bare token) out of the address, so that a copied address
 * does not hold it. What stands behind `#` is never sent to a server.
 */
export function takeTokenFromAddress(): void {
  const token = location.hash.replace(/^#(token=)?/, '');
  if (!looksLikeToken(token)) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  replaceToken(token);
}

/** Takes off what is easily copied along: an address up to its `#`, the header's name, the scheme, quotes, blanks. */
export const trimToken = (pasted: string): string =>
  pasted
    .replace(/["'\s]+/g, ' ')
    .trim()
    .replace(/^\S*#(token=)?/, '')
    .replace(/^(authorization: )?bearer /i, '');

/** Three parts of base64url, as in every signed JWT; whether it is valid only the server can tell. */
export const looksLikeToken = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

export interface TokenFacts {
  /** Whose it says it is. */
  readonly owner: string;
  /** Null where it does not say. */
  readonly expiresAt: Date | null;
}

/** What a token says of itself, unverified, to be shown to the person who has it; null where it cannot be read. */
export function describeToken(token: string): TokenFacts | null {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (unit) => unit.charCodeAt(0));
    const { email, sub, exp } = JSON.parse(new TextDecoder().decode(bytes));
    const owner = [email, sub].find((claim): claim is string => typeof claim === 'string');
    return { owner: owner ?? 'somebody', expiresAt: typeof exp === 'number' ? new Date(exp * 1000) : null };
  } catch {
    return null;
  }
}

function notify(): void {
  for (const listener of listeners) listener();
}
