/** An instant as ISO 8601 text in UTC with milliseconds, as it travels from the driver to the answer. */
export type Instant = string;

/** `2026-11-20 12:00:00.1+00`, as PostgreSQL writes timestamptz(3) in a UTC session, to `2026-11-20T12:00:00.100Z`. */
export function instantFromPostgres(text: string): Instant {
  if (!text.endsWith('+00') || text.length > 26) return new Date(text).toISOString();
  const seconds = text.slice(0, 19);
  const fraction = text.slice(20, -3).padEnd(3, '0');
  return `${seconds.replace(' ', 'T')}.${fraction}Z`;
}

/** The instant of a time in milliseconds since the Unix epoch. */
export function instantFromMs(ms: number): Instant {
  return new Date(ms).toISOString();
}
