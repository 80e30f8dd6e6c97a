import { worthwhileAnswers } from './deployment/nemesis.js';
import type { OutcomeKind, Timed } from './history.js';
import { type Attempt, attemptsOf, eventsOf } from './operations.js';
import type { SeedResult } from './run-seed.js';

/** Operations that were under way while a fault lasted, or within this after it. */
const aftermathMs = 1000;

type Counts = Record<OutcomeKind, number>;

interface Row {
  times: number;
  /** While so many answers were written as make it worthwhile. */
  worthwhile: number;
  fewestAnswers: number;
  mostAnswers: number;
  readonly operations: Counts;
}

const noCounts = (): Counts => ({ ok: 0, refused: 0, unknown: 0 });

function count(counts: Counts, attempts: readonly Attempt[]): void {
  for (const { outcome } of attempts) counts[outcome] += 1;
}

/** What came of several seeds, as a table of text. */
export function report(results: readonly SeedResult[]): string {
  const rows = new Map<string, Row>();
  for (const { events } of results) addFaults(rows, events);
  const lines = [...rows].sort(([one], [other]) => one.localeCompare(other)).map(([name, row]) => lineOf(name, row));
  const attempts = results.flatMap(({ events }) => attemptsOf(events));
  const total = noCounts();
  count(total, attempts);
  const sends = attempts.filter(({ kind, outcome }) => kind === 'sendMessage' && outcome === 'ok').length;
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  const head = [
    'fault',
    'injected',
    `with ${worthwhileAnswers}+ answers`,
    'answers running',
    'acknowledged',
    'refused',
    'unknown',
  ];
  return [
    table([head, ...lines]),
    '',
    `Seeds: ${results.map(({ seed }) => seed).join(', ')}`,
    `Operations: ${total.ok} acknowledged (${sends} sends), ${total.refused} refused, ${total.unknown} unknown`,
    `Violations: ${violations}`,
  ].join('\n');
}

function lineOf(name: string, { times, worthwhile, fewestAnswers, mostAnswers, operations }: Row): string[] {
  const { ok, refused, unknown } = operations;
  return [name, times, worthwhile, `${fewestAnswers} to ${mostAnswers}`, ok, refused, unknown].map(String);
}

function addFaults(rows: Map<string, Row>, events: readonly Timed[]): void {
  const all = eventsOf(events, 'fault');
  const ends = new Map(eventsOf(events, 'end').map(({ op, atMs }) => [op, atMs]));
  const attempts = attemptsOf(events);
  for (const begin of all.filter(({ phase }) => phase === 'begin')) {
    const end = all.find(
      ({ phase, fault, instance, atMs }) =>
        phase === 'end' && fault === begin.fault && instance === begin.instance && atMs >= begin.atMs,
    );
    const toMs = (end?.atMs ?? begin.atMs) + aftermathMs;
    const row = rows.get(begin.fault) ?? {
      ...{ times: 0, worthwhile: 0, fewestAnswers: Number.POSITIVE_INFINITY, mostAnswers: 0, operations: noCounts() },
    };
    rows.set(begin.fault, row);
    row.times += 1;
    if (begin.answersRunning >= worthwhileAnswers) row.worthwhile += 1;
    row.fewestAnswers = Math.min(row.fewestAnswers, begin.answersRunning);
    row.mostAnswers = Math.max(row.mostAnswers, begin.answersRunning);
    const during = attempts.filter(
      ({ op, startedMs }) => startedMs <= toMs && (ends.get(op) ?? Number.POSITIVE_INFINITY) >= begin.atMs,
    );
    count(row.operations, during);
  }
}

/** Columns side by side, numbers to the right: Markdown too. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}
