import { z } from 'zod';
import type { VariableReader } from './config-reader.js';
import { defaultLimits, defaultQuotas, greatestLimit, type Limits, type Quotas } from './limits.js';

const redisExample = 'redis://user:password@host:6379';
/** One address, or those of the first nodes to ask of a cluster; each is whole, whatever scheme it left out. */
export function readRedisUrls(reader: VariableReader): readonly string[] | null {
  const parts = reader.list('REDIS_URL');
  if (parts === null) return null;
  const scheme = parts[0]?.startsWith('rediss://') ? 'rediss://' : 'redis://';
  const texts = parts.map((part, index) => (index === 0 || part.includes('://') ? part : scheme + part));
  const urls = texts.map((text) => URL.parse(text));
  if (!urls.every((url) => url?.hostname && `${url.protocol}//` === scheme)) {
    const wrong = 'is not an address that begins with redis:// or rediss:// and names a host (several: with commas)';
    return reader.fault('REDIS_URL', wrong, `set it like ${redisExample}`);
  }
  const database = urls.length > 1 ? /^\/?0?$/ : /^\/?\d{0,4}$/;
  if (!urls.every((url) => database.test(url?.pathname ?? ''))) {
    const remedy = 'end it with a number, and that of a cluster with none';
    return reader.fault('REDIS_URL', 'names a database that there cannot be', remedy);
  }
  return texts;
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

/** Limits and quotas: one variable sets both, by name. */
export function readLimits(reader: VariableReader): { readonly limits: Limits; readonly quotas: Quotas } {
  const limit = z.int().min(1).max(greatestLimit);
  const names = Object.keys({ ...defaultLimits, ...defaultQuotas });
  const given = reader.json('LIMITS', z.partialRecord(z.enum(names), limit), '{"sendsPerMinute": 60}') ?? {};
  const { tokensPerDay = null, costMicroUsdPerDay = null, ...limits } = given;
  return {
    limits: Object.freeze({ ...defaultLimits, ...limits }),
    quotas: Object.freeze({ tokensPerDay, costMicroUsdPerDay }),
  };
}
