import { useGraphiQLActions } from '@graphiql/react';
import { type ClipboardEvent, type FormEvent, useEffect, useState, useSyncExternalStore } from 'react';
import {
  describeToken,
  forgetSession,
  isTokenRefused,
  looksLikeToken,
  onTokenChange,
  readToken,
  replaceToken,
  trimToken,
} from './token.js';

/** Says who asks, and takes another token. A token is never shown: what is pasted is taken at once. */
export function TokenBar() {
  const token = useSyncExternalStore(onTokenChange, readToken);
  const refused = useSyncExternalStore(onTokenChange, isTokenRefused);
  const [complaint, setComplaint] = useState<string | null>(null);
  const [text, setText] = useState('');
  const { introspect } = useGraphiQLActions();

  // A schema that could not be read without a token can be read with it.
  useEffect(() => onTokenChange(() => void (!isTokenRefused() && introspect())), [introspect]);

  const use = (pasted: string): void => {
    const candidate = trimToken(pasted);
    if (candidate === '') return;
    const valid = looksLikeToken(candidate);
    setText('');
    setComplaint(valid ? null : 'That is no token: it has three parts joined by dots.');
    if (valid) replaceToken(candidate);
  };
  const onPaste = (event: ClipboardEvent): void => {
    event.preventDefault();
    use(event.clipboardData.getData('text'));
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    use(text);
  };

  const alarm = complaint ?? (token === null ? missing : refused ? refusal : expiry(token));
  return (
    <header className="token-bar">
      <strong>Parley</strong>
      <form onSubmit={onSubmit}>
        <label htmlFor="token">{token ? 'Replace token' : 'Token'}</label>
        <input
          id="token"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onPaste={onPaste}
          placeholder="Paste it here"
          autoComplete="off"
          spellCheck={false}
        />
      </form>
      <p role="status" className={alarm ? 'alarm' : undefined}>
        {alarm ?? (token && present(token))}
      </p>
      {token && (
        <button type="button" onClick={forgetSession}>
          Forget
        </button>
      )}
    </header>
  );
}

const missing = 'No token yet. “npm start” prints an address that holds one; “npm run cli -- token” makes one.';
const refusal = 'The server refused this token. Paste a fresh one: “npm run cli -- token”.';

function expiry(token: string): string | null {
  const expiresAt = describeToken(token)?.expiresAt;
  return expiresAt && expiresAt.getTime() < Date.now()
    ? `This token expired on ${expiresAt.toLocaleString()}. Paste a fresh one: “npm run cli -- token”.`
    : null;
}

function present(token: string): string {
  const facts = describeToken(token);
  if (!facts) return 'Asking with a token.';
  const until = facts.expiresAt ? `, until ${facts.expiresAt.toLocaleString()}` : '';
  return `Asking as ${facts.owner}${until}.`;
}
