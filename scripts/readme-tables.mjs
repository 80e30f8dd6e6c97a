import { readFile, writeFile } from 'node:fs/promises';

/** Writes the tables of the README from the code that they describe; `--check` only says whether they are true. */
const { variables } = await import('../dist/src/config-variables.js');
const { defaultLimits, defaultQuotas, limitMeanings, quotaMeanings } = await import('../dist/src/limits.js');

const row = (...cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

const configuration = table(
  ['variable', 'meaning', 'unset'],
  variables.map(({ name, meaning, whenUnset }) => [`\`${name}\``, meaning, whenUnset]),
);
const limits = table(
  ['name', 'what it bounds', 'value'],
  Object.entries(defaultLimits).map(([name, value]) => [
    `\`${name}\``,
    limitMeanings[name],
    value.toLocaleString('en'),
  ]),
);
const quotas = table(
  ['name', 'what it bounds', 'value'],
  Object.entries(defaultQuotas).map(([name, value]) => [`\`${name}\``, quotaMeanings[name], value ?? 'off']),
);

const readme = await readFile('README.md', 'utf8');
const tables = { configuration, limits, quotas };
const filled = Object.entries(tables).reduce((text, [name, content]) => fill(text, name, content), readme);
if (!process.argv.includes('--check')) await writeFile('README.md', filled);
else if (filled !== readme) {
  process.stderr.write('The tables of README.md are not what the code says; run: npm run readme\n');
  process.exitCode = 1;
}

function fill(text, name, content) {
  const marker = new RegExp(`(<!-- ${name}: [^>]*-->\n)(?:\n\\|[\\s\\S]*?\n(?=\n))?`);
  if (!marker.test(text)) throw new Error(`README.md has no place for ${name}.`);
  return text.replace(marker, (_all, comment) => `${comment}\n${content}\n`);
}
