import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { importsOf, packageOf, readFiles } from './source-files.js';

const versions = z.record(z.string(), z.string());
const manifest = z
  .object({ dependencies: versions, devDependencies: versions, optionalDependencies: versions })
  .parse(JSON.parse(readFiles(['package.json'], ['.json'])[0]?.text ?? ''));

const paper = readFiles(['docs/dependencies.md'], ['.md'])[0]?.text ?? '';
const imported = (paths: string[]) =>
  new Set(readFiles(paths, ['.ts', '.tsx', '.mjs']).flatMap(importsOf).map(packageOf));

/** Used by their commands, their names in a configuration or what README.md shows, never by an import. */
const tools = ['@biomejs/biome', '@urql/exchange-graphcache', '@swc/core', '@swc/jest', 'jest', 'typescript'];

const installed = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };

describe('Dependencies', () => {
  it('each have one line in docs/dependencies.md that says why, and nothing else has', () => {
    const lines = [...paper.matchAll(/^- `([^`]+)`: .{10,}$/gm)].map((match) => match[1]);
    expect([...lines].sort()).toEqual(Object.keys(installed).sort());
  });

  it('of the server are all imported by it, and it imports no other', () => {
    const used = [...imported(['src', 'migrations', 'ormconfig.ts'])].filter(
      (name) => !/^(node:|src$|migrations$)/.test(name),
    );
    expect(used.sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it('of the tools are all used', () => {
    const used = imported(['test', 'scripts', 'web']);
    const idle = Object.keys(manifest.devDependencies).filter((name) => {
      const typed = /^@types\/(.+)$/.exec(name)?.[1];
      return typed ? typed !== 'node' && !(typed in installed) : !used.has(name) && !tools.includes(name);
    });
    expect(idle).toEqual([]);
  });

  it('are pinned to one version each', () => {
    const { node, ...exact } = installed;
    expect(node).toMatch(/^\d+\.x$/);
    expect(Object.entries(exact).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });
});
