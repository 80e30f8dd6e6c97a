import { describe, expect, it } from '@jest/globals';
import { circlesIn, faultsOfImports } from './import-rules.js';
import { readFiles } from './source-files.js';

const sources = readFiles(['src', 'migrations', 'ormconfig.ts'], ['.ts']);

const faultsOf = (path: string, text: string) => faultsOfImports({ path, text });

describe('Imports', () => {
  it('go downwards only, and a package stands only where it belongs', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.flatMap(faultsOfImports)).toEqual([]);
  });

  it('make no circle', () => {
    expect(circlesIn(sources)).toEqual([]);
  });
});

describe('The guard of imports sees', () => {
  it.each([
    ['src/messages/page.ts', "import { send } from '../answers/answer.service.js';"],
    ['src/platform/clock.ts', "import type { Viewer } from '../identity/viewer.js';"],
    ['src/identity/token.ts', "import { loadConfig } from '../config.js';"],
    ['src/server/server.ts', "import { createApp } from '../app.js';"],
    ['src/app.ts', "export * from './main.js';"],
    ['src/conversations/title.ts', "import {\n  a,\n  b,\n} from '../messages/message.types.js';"],
    ['src/errors.ts', "import './platform/log.js';"],
    ['src/platform/cache.ts', "const { Scope } = await import('../identity/scope.js');"],
  ])('an import upwards, in %s', (path, text) => {
    expect(faultsOf(path, text)).toEqual([expect.stringMatching(/lies above it .*: let app\.ts hand it in/)]);
  });

  it.each([
    ['src/messages/message.repository.ts', "import { x } from './message.service.js';"],
    ['src/messages/message.service.ts', "import { x } from './message.resolver.js';"],
    ['src/messages/message.entity.ts', "import { x } from './message.repository.js';"],
  ])('a kind of file that imports the one above it, in %s', (path, text) => {
    expect(faultsOf(path, text)).toEqual([expect.stringContaining('does not know a')]);
  });

  it.each([
    ['src/messages/message.service.ts', "import { DataSource } from 'typeorm';"],
    ['src/server/server.ts', "import { Redis } from 'ioredis';"],
    ['src/messages/message.service.ts', "import { Field } from 'type-graphql';"],
  ])('a package where it does not belong, in %s', (path, text) => {
    expect(faultsOf(path, text)).toHaveLength(1);
  });

  it('a folder that has no rank', () => {
    expect(faultsOf('src/helpers/x.ts', '')).toHaveLength(1);
  });

  it('a circle', () => {
    const a = { path: 'src/platform/a.ts', text: "import { b } from './b.js';" };
    const b = { path: 'src/platform/b.ts', text: "import { a } from './a.js';" };
    expect(circlesIn([a, b])).toEqual([
      expect.stringContaining('src/platform/a.ts → src/platform/b.ts → src/platform/a.ts'),
    ]);
  });

  it('nothing in an import that is as it should be', () => {
    const text = "import { a } from '../conversations/title.js';\nimport { notFound } from '../errors.js';";
    expect(faultsOf('src/messages/message.service.ts', text)).toEqual([]);
    expect(faultsOf('src/messages/message.entity.ts', "import { Entity } from 'typeorm';")).toEqual([]);
  });
});
