import { examine } from '../doctor/examine.js';
import type { Finding, Verdict } from '../doctor/finding.js';

export interface DoctorOptions {
  readonly json?: boolean;
}

/** `parley doctor`: a line for each finding as it is made; the exit code is 1 where one of them is a fault. */
export async function runDoctor(host: NodeJS.Process, { json = false }: DoctorOptions): Promise<void> {
  const findings: Finding[] = [];
  for await (const finding of examine()) {
    findings.push(finding);
    if (!json) host.stdout.write(lineOf(finding));
  }
  const count = (wanted: Verdict) => findings.filter(({ verdict }) => verdict === wanted).length;
  const [faults, warnings] = [count('fault'), count('warning')];
  if (json) host.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else host.stdout.write(`\n${closing(faults, warnings)}\n`);
  if (faults > 0) host.exitCode = 1;
}

const indent = ' '.repeat(10);

function lineOf({ verdict, subject, says, remedy }: Finding): string {
  const name = verdict === 'fault' ? 'FAULT' : verdict;
  return `${name.padEnd(9)} ${subject}: ${says}\n${remedy === null ? '' : `${indent}${remedy}\n`}`;
}

function closing(faults: number, warnings: number): string {
  if (faults + warnings === 0) return 'All is well.';
  const said = [
    ...(faults > 0 ? [`${faults} ${faults === 1 ? 'fault' : 'faults'}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return `${said.join(' and ')}; what to do stands with each.`;
}
