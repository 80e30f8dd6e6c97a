import type { SourceFile } from './source-files.js';

const greatestLines = 300;

interface Rule {
  /** Where it holds; everywhere where it is not given. */
  readonly files?: RegExp;
  readonly except?: RegExp;
  /** In a line of a file. */
  readonly forbidden: RegExp;
  readonly instead: string;
}

/** The expressions are written so that they do not find themselves. */
const rules: readonly Rule[] = [
  {
    files: /^src\//,
    except: /^src\/config\.ts$/,
    forbidden: /\bprocess\s*\.\s*env\b|\bprocess\[|\{[^}]*\benv\b[^}]*\} = process\b|\benv\b[^;]*'node:process'/,
    instead: 'add the variable to config.ts, and let app.ts hand its value in',
  },
  {
    files: /^(src|migrations)\//,
    except: /^src\/(cli|main)\b/,
    forbidden: /\bconsole\s*\./,
    instead: 'log a constant message with fields (platform/log.ts), or print in cli/',
  },
  {
    files: /^src\//,
    except: /(\.repository|^src\/platform\/database)\.ts$/,
    forbidden: /(?:^|[^\w.])statement\(/,
    instead: 'declare it in a repository, as a function that takes what runs it first',
  },
  {
    files: /\.(ts|tsx)$/,
    forbidden: /:\s*any(?=\s*(?:[;,)=|&\]}]|$))|<an[y]>|\bas any\b|\bany\[]|@ts-(?:ignore|nocheck)/,
    instead: 'say the type, or take unknown and check it',
  },
  {
    files: /^(test|web|bench)\//,
    forbidden: /\b(?:it|test|describe)\.(?:skip|only|tod[o]|failing)\b|\bx(?:it|test|describe)\(|\bf(?:it|describe)\(/,
    instead: 'let every test run, or remove it',
  },
  {
    files: /\.test\.ts$/,
    forbidden: /setTimeout[^;]*'node:timers\/promises'|new Promise\([^)]*\) => setTimeout|\bawait (?:sleep|delay)\(/,
    instead: 'wait for a condition (test/support/until.ts), or move a ManualClock',
  },
  {
    files: /^test\//,
    except: /^test\/support\/(?:test-seed|fast-check)\.ts$/,
    forbidden: /\bMath\.rando[m]\b|from 'fast-chec[k]'/,
    instead: 'draw with the seed of all tests (test/support/seeded-random.ts, fast-check.ts)',
  },
  {
    forbidden:
      /\b(?:TOD[O]|FIXM[E]|XX[X])\b|not (?:yet )?implemente[d]|\/(?:home|Users|root|work)\/\w|\bissue #?\d+\b/i,
    instead: 'say what is, without the moment and the machine it was written on',
  },
];

const shapelessName = /(^|[/.-])(utils?|helpers?|managers?|common|misc|shared)([/.-]|$)/i;

/** What one file has against the rules of the house, a sentence each with what to do instead. */
export function faultsOfFile({ path, text }: SourceFile): string[] {
  const faults: string[] = [];
  const lines = text.split('\n');
  if (/\.(ts|tsx|mjs)$/.test(path) && lines.length - 1 > greatestLines) {
    faults.push(
      `${path} has ${lines.length - 1} lines: cut it in two where its subject changes; ${greatestLines} are the most.`,
    );
  }
  if (shapelessName.test(path)) faults.push(`${path} says nothing by its name: name it after its one main export.`);
  for (const { files, except, forbidden, instead } of rules) {
    if ((files && !files.test(path)) || except?.test(path)) continue;
    lines.forEach((line, index) => {
      const found = forbidden.exec(line);
      if (found) faults.push(`${path}:${index + 1} says "${found[0]}": ${instead}.`);
    });
  }
  return faults;
}
