/** What one check came to; a fault makes the whole examination fail. */
export type Verdict = 'ok' | 'note' | 'warning' | 'fault';

export interface Finding {
  readonly verdict: Verdict;
  /** What was looked at, in a word or two. */
  readonly subject: string;
  /** One sentence. Never a secret, never anybody's text. */
  readonly says: string;
  /** What to do about it; null where there is nothing to do. */
  readonly remedy: string | null;
}

const finding =
  (verdict: Verdict) =>
  (subject: string, says: string, remedy: string | null = null): Finding => ({ verdict, subject, says, remedy });

export const ok = finding('ok');
/** Worth knowing, nothing to do. */
export const note = finding('note');
export const warning = finding('warning');
export const fault = finding('fault');
