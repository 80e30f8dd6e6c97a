import { describe, expect, it } from '@jest/globals';
import { faultsOfFile } from './house-rules.js';
import { readFiles } from './source-files.js';

const code = readFiles(['src', 'migrations', 'test', 'scripts', 'web'], ['.ts', '.tsx', '.mjs', '.css', '.html']);
const papers = readFiles(
  [
    'docs',
    'README.md',
    'ARCHITECTURE.md',
    'PROTOCOL.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'schema.graphql',
    'package.json',
  ],
  ['.md', '.graphql', '.json'],
);

describe('The house', () => {
  it('keeps its rules in every file', () => {
    expect(code.length).toBeGreaterThan(100);
    expect([...code, ...papers].flatMap(faultsOfFile)).toEqual([]);
  });
});

/** Put together from halves, so that this file itself keeps the rules. */
const faulty = (first: string, second: string) => first + second;

describe('The guard of the house sees', () => {
  it.each([
    ['a variable of the environment read elsewhere', 'src/app.ts', faulty('const port = process', '.env.PORT;')],
    ['one that is taken apart', 'src/app.ts', faulty('const { argv, env } ', '= process;')],
    ['one that is imported', 'src/app.ts', faulty('import { env } ', "from 'node:process';")],
    ['a line that goes past the log', 'src/app.ts', faulty('console', ".log('here');")],
    ['SQL that stands in no repository', 'src/app.ts', faulty('const ping = state', "ment('ping', 'SELECT 1');")],
    ['any', 'src/app.ts', faulty('let x: ', 'any;')],
    ['a list of any', 'test/unit/x.test.ts', faulty('const x: an', 'y[] = [];')],
    ['a fault that is hidden from the compiler', 'src/app.ts', faulty('// @ts', '-ignore')],
    ['a test that does not run', 'test/unit/x.test.ts', faulty('it', ".skip('x', () => {});")],
    ['a test that alone runs', 'test/unit/x.test.ts', faulty('describe', ".only('x', () => {});")],
    ['a sleep', 'test/unit/x.test.ts', faulty('await new Promise((resolve) => set', 'Timeout(resolve, 50));')],
    [
      'an imported sleep',
      'test/unit/x.test.ts',
      faulty("import { setTimeout as wait } from 'node:", "timers/promises';"),
    ],
    ['a test that draws with another seed each time', 'test/unit/x.test.ts', faulty('Math', '.random()')],
    ['one that does with fast-check', 'test/unit/x.test.ts', faulty("import fc from 'fast", "-check';")],
    ['a note to oneself', 'src/app.ts', faulty('// TO', 'DO: later')],
    ['what is not there', 'src/app.ts', faulty("throw new Error('not ", "implemented');")],
    ['a path of one machine', 'docs/x.md', faulty('see /home', '/ada/parley')],
    ['a name that says nothing', 'src/server/http-utils.ts', ''],
    ['a folder that says nothing', 'src/helpers/retry.ts', ''],
    ['a file of 301 lines', 'src/app.ts', '\n'.repeat(301)],
  ])('%s', (_, path, text) => {
    expect(faultsOfFile({ path, text })).toHaveLength(1);
  });

  it('nothing in what is as it should be', () => {
    const text = '/** Anyone may ask; many do. */\nexport const now = () => Date.now();\n';
    expect(faultsOfFile({ path: 'src/platform/now.ts', text })).toEqual([]);
    expect(faultsOfFile({ path: 'src/config.ts', text: faulty('env = process', '.env') })).toEqual([]);
    expect(faultsOfFile({ path: 'src/app.ts', text: '\n'.repeat(300) })).toEqual([]);
  });
});
