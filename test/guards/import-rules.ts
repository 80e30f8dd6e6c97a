import { importsOf, packageOf, type SourceFile } from './source-files.js';

/** From the top down: a file imports from its own layer and from those below it. */
const layers = [
  'entry',
  'app',
  'server',
  'live',
  'privacy',
  'search',
  'answers',
  'messages',
  'conversations',
  'usage',
  'identity',
  'audit',
  'platform',
  'ground',
];

/** Files that stand in no folder; any other one is of the app. */
const entryFiles = /^src\/(main|cli|serve|print-schema|supported-node|stop-request|describe-failure)\.ts$/;
const groundFiles = /^src\/(errors|limits)\.ts$/;

function layerOf(path: string): string {
  if (/^src\/(cli|doctor)\//.test(path) || entryFiles.test(path)) return 'entry';
  if (groundFiles.test(path)) return 'ground';
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? 'app';
}

/** Within a domain, the kinds of files from the top down. */
const kinds = ['resolver', 'service', 'repository', 'entity'];
const kindOf = (path: string) => kinds.indexOf(/\.(\w+)\.ts$/.exec(path)?.[1] ?? '');

interface PackageRule {
  readonly name: string;
  readonly allowed: RegExp;
  readonly instead: string;
}

const packageRules: readonly PackageRule[] = [
  {
    name: 'typeorm',
    allowed:
      /(\.(entity|repository)|^src\/platform\/database[\w-]*|^src\/migrate|^src\/doctor\/check-schema|^migrations\/[\w-]+|^ormconfig)\.ts$/,
    instead: 'write the SQL in a repository, as a function that takes the transaction first',
  },
  {
    name: 'ioredis',
    allowed: /(\.redis|^src\/app)\.ts$/,
    instead: 'name a port in platform/ and implement it in a file x.redis.ts',
  },
  {
    name: 'pg-boss',
    allowed: /^src\/platform\/jobs[\w-]*\.ts$/,
    instead: 'hand a job to platform/jobs.ts',
  },
  {
    name: 'type-graphql',
    allowed: /(\.(resolver|types)\.ts$|^src\/server\/)/,
    instead: 'keep GraphQL in x.resolver.ts and x.types.ts, and hand the service plain values',
  },
];

/** What is wrong with the imports of one file of src/, a sentence each with what to do instead. */
export function faultsOfImports(file: SourceFile): string[] {
  const own = layerOf(file.path);
  if (!layers.includes(own))
    return [`${file.path} stands in a folder that test/guards/import-rules.ts does not rank yet.`];
  const imports = importsOf(file);
  return [
    ...imports.filter((path) => path.startsWith('src/')).flatMap((path) => faultOfDirection(file.path, own, path)),
    ...packageRules
      .filter(({ name, allowed }) => imports.some((one) => packageOf(one) === name) && !allowed.test(file.path))
      .map(({ name, instead }) => `${file.path} imports ${name}: ${instead}.`),
  ];
}

function faultOfDirection(path: string, own: string, imported: string): string[] {
  const layer = layerOf(imported);
  if (layers.indexOf(layer) < layers.indexOf(own)) {
    const instead = 'let app.ts hand it in as a value, or move what both need down';
    return [`${path} imports ${imported}, which lies above it (${layer} above ${own}): ${instead}.`];
  }
  const [ownKind, kind] = [kindOf(path), kindOf(imported)];
  if (layer === own && kind !== -1 && ownKind > kind) {
    const instead = 'the lower of the two returns what the upper one needs';
    return [`${path} imports ${imported}: a ${kinds[ownKind]} does not know a ${kinds[kind]}; ${instead}.`];
  }
  return [];
}

/** The chains of files that import each other in a circle; types too, for a circle is hard to read either way. */
export function circlesIn(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file).filter((path) => path.startsWith('src/'))]));
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start !== -1)
      circles.push(`${[...trail.slice(start), path].join(' → ')}: let one of them take the other as a value.`);
    if (start !== -1 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return circles;
}
