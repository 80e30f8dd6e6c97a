import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { variables } from '../../src/config-variables.js';
import { readFiles, root, type SourceFile } from './source-files.js';

const run = promisify(execFile);
const papers = readFiles(
  ['README.md', 'ARCHITECTURE.md', 'PROTOCOL.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs'],
  ['.md'],
);

/** Relative links that lead nowhere. */
function brokenLinks({ path, text }: SourceFile): string[] {
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]?.replace(/#.*$/, '') ?? '');
  const own = targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
  return own.filter((target) => !existsSync(join(root, dirname(path), target))).map((target) => `${path}: ${target}`);
}

/** What the containers are told, less what is only for Compose itself. */
function composeVariables(): string[] {
  const text = readFiles(['docker-compose.yml'], ['.yml'])[0]?.text ?? '';
  const block = /^x-environment: .*\n((?: {2}.*\n)+)/m.exec(text)?.[1] ?? '';
  return [...block.matchAll(/^ {2}([A-Z_]+):/gm)].map((match) => match[1] ?? '');
}

describe('The papers', () => {
  it('link to what is there', () => {
    expect(papers.length).toBeGreaterThan(5);
    expect(papers.flatMap(brokenLinks)).toEqual([]);
    expect(brokenLinks({ path: 'docs/x.md', text: 'See [this](../nowhere.md#here).' })).toEqual([
      'docs/x.md: ../nowhere.md',
    ]);
  });

  it('have tables as the code says; "npm run readme" writes them anew', async () => {
    await run(process.execPath, ['scripts/readme-tables.mjs', '--check'], { cwd: root });
  });

  it('name scripts of npm that there are', () => {
    const manifest = readFiles(['package.json'], ['.json'])[0]?.text ?? '';
    const named = papers.flatMap(({ text }) =>
      [...text.matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)].map((match) => match[1]),
    );
    expect(named.length).toBeGreaterThan(3);
    expect([...new Set(named)].filter((name) => !manifest.includes(`"${name}": `))).toEqual([]);
  });

  it('have examples that the schema takes', () => {
    const schema = buildSchema(readFiles(['schema.graphql'], ['.graphql'])[0]?.text ?? '');
    const examples = papers.flatMap(({ text }) =>
      [...text.matchAll(/```graphql\n(.*?)```/gs)].map((match) => match[1] ?? ''),
    );
    const faultsOf = (text: string) => validate(schema, parse(text)).map(({ message }) => message);
    expect(examples.length).toBeGreaterThan(5);
    expect(examples.flatMap(faultsOf)).toEqual([]);
    expect(faultsOf('{ viewer { nothing } }')).toHaveLength(1);
  });

  it('and docker-compose.yml name variables that the server reads', () => {
    const known: readonly string[] = variables.map(({ name }) => name);
    expect(composeVariables().length).toBeGreaterThan(5);
    expect(composeVariables().filter((name) => !known.includes(name))).toEqual([]);
  });
});
