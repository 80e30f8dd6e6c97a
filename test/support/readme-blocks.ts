import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What README.md shows in one language, block by block, so that what is tested is what is told. */
export async function readmeBlocks(language: string): Promise<string[]> {
  const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
}
