import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the tests need of the machine besides Node. */
export interface SystemProgram {
  /** In Debian. */
  readonly package: string;
  readonly name: string;
  isThere(): boolean;
}

export const systemPrograms: readonly SystemProgram[] = [
  { package: 'redis-server', name: 'Redis 7 or newer', isThere: hasRedis },
  { package: 'chromium', name: 'Chromium', isThere: () => findChromium() !== null },
];

const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const chromiumOfMac = ['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);

/** The path of a Chromium on this machine; null where there is none. */
export function findChromium(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = chromiumNames.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...paths, ...chromiumOfMac].find(isProgram) ?? null;
}

function hasRedis(): boolean {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return Number(/v=(\d+)/.exec(stdout ?? '')?.[1] ?? 0) >= 7;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
