import type { Text } from '../history.js';

/** How the model answers one question; it stands in the question itself, so that a run is the same for the same seed. */
export interface Speech {
  readonly ending: 'whole' | 'busy once' | 'error' | 'cut' | 'stall' | 'malformed';
  /** In code units; reasoning comes first. */
  readonly reasoning: number;
  readonly content: number;
  /** Where it breaks off. */
  readonly breaksAt: number;
  readonly pieceUnits: number;
  readonly everyMs: number;
}

const marker = /\[key (\S+) speech (\{[^}]*\})\]/;

export const questionOf = (key: string, speech: Speech, text: string) =>
  `[key ${key} speech ${JSON.stringify(speech)}] ${text}`;

/** Null for a question that is none of ours. */
export function readQuestion(question: string): { readonly key: string; readonly speech: Speech } | null {
  const [, key, speech] = marker.exec(question) ?? [];
  return key && speech ? { key, speech: JSON.parse(speech) } : null;
}

const names = /\[key \S+ speech|appended \S+|(?:content|reasoning) for \S+(?=: )/g;

/** What was written with which key, of all that these texts say. */
export const namesIn = (texts: readonly (string | null)[]): string[] =>
  texts.flatMap((text) => text?.match(names) ?? []);

/** The key of a call of the model: the question's, and beside it who answers where that is not the usual one. */
export const callKey = (key: string, model: string) => (model === usualModel ? key : `${key}/${model}`);

export const usualModel = 'speaking';
/** Each of them answers a question once, after the usual one. */
export const otherModels = Array.from({ length: 8 }, (_, index) => `again-${index + 1}`);

const syllables = ['na ', 'é', '日本', '👩‍👩‍👧', 'ß ', '𝒳', 'ไทย', 'שלום ', '\n', '"', 'e\u0301', '🦜'];

/** Of that many code units or a few more, and another text for each key: nothing can be taken for anything else. */
export function spoken(key: string, what: keyof Text, units: number): string {
  let text = units === 0 ? '' : `${what} for ${key}: `;
  for (let index = 0; text.length < units; index += 1) text += `${index}${syllables[index % syllables.length]}`;
  return text;
}

/** Code units that it says in half a second. */
export const halfSecondOf = ({ pieceUnits, everyMs }: Speech) => Math.ceil((pieceUnits * 500) / everyMs);
