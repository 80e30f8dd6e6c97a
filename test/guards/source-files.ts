import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

export interface SourceFile {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export const root = join(import.meta.dirname, '../..');

/** The files below these folders, or these files themselves, whose names end in one of the endings. */
export function readFiles(paths: readonly string[], endings: readonly string[]): SourceFile[] {
  return paths
    .flatMap((path) => (/\.\w+$/.test(path) ? [path] : filesBelow(path)))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return entry.name === 'node_modules' ? [] : filesBelow(path);
  });
}

const importForms = [
  /^\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /\bcreateRequire\([^)]*\)\.resolve\(\s*['"]([^'"]+)['"]/g,
];

/** What a file imports, types too: packages by name, files by their path from the root, ending in `.ts`. */
export function importsOf({ path, text }: SourceFile): string[] {
  const specifiers = importForms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] ?? ''));
  return specifiers.map((specifier) => {
    if (!specifier.startsWith('.')) return specifier;
    return posix.join(dirname(path), specifier).replace(/\.js$/, '.ts');
  });
}

/** The name of the package of an import of its parts too: `openai` of `openai/streaming`. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}
