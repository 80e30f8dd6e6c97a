import { z } from 'zod';
import type { VariableReader } from './config-reader.js';
import { defaultLimits, greatestLimit, type Limits } from './limits.js';

/** One Redis server, or the first ones to ask of a cluster. */
export interface RedisAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly cluster: boolean;
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
  /** The number of the database; always 0 in a cluster. */
  readonly database: number;
}

const redisExample = 'redis://user:password@host:6379';
export function readRedisAddress(reader: VariableReader): RedisAddress | null {
  const parts = reader.list('REDIS_URL');
  if (parts === null) return null;
  const scheme = parts[0]?.startsWith('rediss://') ? 'rediss://' : 'redis://';
  const urls = parts.map((part, index) => URL.parse(index === 0 || part.includes('://') ? part : scheme + part));
  const [first] = urls;
  const isWrong = (url: URL | null) => !url?.hostname || `${url.protocol}//` !== scheme;
  if (!first || urls.some(isWrong)) {
    const wrong =
      'is not an address that begins with redis:// or rediss:// and names a host (several have commas between them)';
    return reader.fault('REDIS_URL', wrong, `set it like ${redisExample}`);
  }
  const path = first.pathname.replace(/^\//, '');
  if (!/^\d{0,4}$/.test(path) || (urls.length > 1 && Number(path) !== 0)) {
    return reader.fault(
      'REDIS_URL',
      'names a database that there cannot be',
      'end it with a number, or with 0 for a cluster',
    );
  }
  return {
    nodes: urls.flatMap((url) =>
      url ? [{ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) }] : [],
    ),
    cluster: urls.length > 1,
    tls: first.protocol === 'rediss:',
    username: decoded(first.username),
    password: decoded(first.password),
    database: Number(path),
  };
}

/** Null for nothing; a percent sign that encodes nothing stands for itself. */
function decoded(part: string): string | null {
  if (part === '') return null;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function readOrigins(reader: VariableReader): readonly string[] {
  const origins = reader.list('ALLOWED_ORIGINS') ?? [];
  const isOrigin = (text: string) => /^https?:\/\//.test(text) && URL.parse(text)?.origin === text;
  if (origins.every(isOrigin)) return origins;
  reader.fault(
    'ALLOWED_ORIGINS',
    'holds something that is no origin (scheme, host and port in lower case, no path, no *)',
    'set it like https://chat.example.com,https://admin.example.com',
  );
  return [];
}

export function readLimits(reader: VariableReader): Limits {
  const limit = z.int().min(1).max(greatestLimit);
  const schema = z.partialRecord(z.enum(Object.keys(defaultLimits)), limit);
  return Object.freeze({ ...defaultLimits, ...reader.json('LIMITS', schema, '{"sendsPerMinute": 60}') });
}
