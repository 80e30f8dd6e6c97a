import { randomBytes } from 'node:crypto';

/** A word that stands nowhere else. */
export const unheardWord = (length = 16) =>
  Array.from(randomBytes(length), (byte) => String.fromCharCode(97 + (byte % 26))).join('');

/** Begins every canary of this run: where it stands, one of them does. */
export const marker = unheardWord();

/** What stands for a person's text of this kind. */
export const canary = (kind: string) => `${marker}${kind}`;
