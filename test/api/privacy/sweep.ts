import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { hasCode } from '../../../src/platform/system-error.js';

/** The forms in which a word could stand somewhere; each finds the word wherever it begins. */
export function formsOf(word: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(word);
  // Without the last zero: so it is found in either order of bytes.
  const utf16 = Buffer.from(word, 'utf16le').subarray(0, -1);
  const forms = new Map<string, Buffer>([
    ['UTF-8', bytes],
    ['UTF-16', utf16],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['hex in capitals', Buffer.from(bytes.toString('hex').toUpperCase())],
  ]);
  for (const shift of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url');
    // Of the characters at both ends, some bits belong to what stands beside the word.
    const inner = text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    forms.set(`base64 (${shift})`, Buffer.from(inner.replaceAll('-', '+').replaceAll('_', '/')));
    forms.set(`base64url (${shift})`, Buffer.from(inner));
  }
  return forms;
}

/** Names of the forms of `word` that stand in `text`. */
export function formsIn(text: Buffer, word: string): string[] {
  return [...formsOf(word)].filter(([, form]) => text.includes(form)).map(([name]) => name);
}

/** Every file below a folder that holds one of the words, in any form: `path: form`. */
export async function sweepFolder(folder: string, words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readIfThere(path);
    for (const word of words) found.push(...formsIn(text, word).map((form) => `${relative(folder, path)}: ${form}`));
  }
  return found;
}

/** A running database removes files while they are listed. */
async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}
