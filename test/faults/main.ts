import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { freshSeed } from '../support/test-seed.js';
import { checkHistory } from './checks/check-history.js';
import { faults } from './deployment/faults.js';
import { report } from './report.js';
import { runSeed, type SeedResult } from './run-seed.js';

const help = `npm run test:faults                    one random seed, five minutes at most
npm run test:faults -- --seed 7        that one
npm run test:faults -- --seeds 1-10    one after the other
npm run test:faults -- --minutes 2     for so long, all in all, for each seed
npm run test:faults -- --only "SIGTERM, kill -9"    these faults alone, beside those of the model
npm run test:faults -- --table a.md    writes the closing table there as well
npm run test:faults -- --keep          keeps the history where nothing is wrong, too
npm run test:faults -- --check history.jsonl    judges a history that was kept

Two instances, as they were built, with a PostgreSQL, a Redis and a model of their own work for a dozen people while one
thing after the other is killed, stopped, cut, slowed down and emptied; then everything is read back and compared with
what was acknowledged. Where a promise was broken the exit code is 1, and the history is kept.`;

const mostMinutes = 5;
const people = 12;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string' },
      table: { type: 'string' },
      keep: { type: 'boolean' },
      check: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return console.log(help);
  if (values.check) return await judge(values.check);
  const only = values.only?.split(',').map((name) => name.trim());
  const names = faults.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`There is no fault "${unknown}". There are: ${names.join(', ')}.`);
  const minutes = Number(values.minutes ?? mostMinutes);
  if (!(minutes > 0)) throw new Error('--minutes is a number, as in --minutes 2.');
  const totalMs = minutes * 60_000;
  const results: SeedResult[] = [];
  for (const seed of seedsOf(values.seed, values.seeds)) {
    console.log(`Seed ${seed}: again with npm run test:faults -- --seed ${seed}`);
    const keep = values.keep ?? false;
    const say = (line: string) => console.log(line);
    const result = await runSeed({ seed, totalMs, people, keep, ...(only && { only }), say });
    results.push(result);
    tell(result);
    if (values.table) await writeFile(values.table, `${report(results)}\n`);
  }
  console.log(`\n${report(results)}`);
  if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}

async function judge(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const violations = checkHistory(lines.map((line) => JSON.parse(line)));
  for (const violation of violations) console.log(violation);
  console.log(`${violations.length} violations`);
  if (violations.length > 0) process.exitCode = 1;
}

function tell({ seed, violations, folder }: SeedResult): void {
  for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  if (violations.length > 50) console.log(`… and ${violations.length - 50} more`);
  if (folder !== null) console.log(`The history and the logs of both instances: ${folder}`);
  console.log(`Seed ${seed}: ${violations.length} violations`);
}

function seedsOf(seed: string | undefined, seeds: string | undefined): number[] {
  const given = seeds ?? seed;
  if (given === undefined) return [freshSeed()];
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(given) ?? [];
  if (first === undefined) throw new Error('A seed is a whole number, as in --seed 7; several are --seeds 1-10.');
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
