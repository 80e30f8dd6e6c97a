import type { Failure } from './openai-failure.js';

/** The parts of a request in which compatible servers differ. */
export interface OpenAiDialect {
  /** May `stream_options` be sent? Without it most servers report no usage. */
  readonly streamUsage: boolean;
  /** What the limit of an answer's length is called; null: it cannot be sent. */
  readonly limitField: LimitField | null;
  /** What else it may be called, should the server refuse that. */
  readonly otherLimitFields: readonly LimitField[];
}

type LimitField = 'max_tokens' | 'max_completion_tokens';

/**
 * OpenAI's newer models, at Azure too, refuse `max_tokens`; many compatible servers know nothing else, and some pass
 * over what they do not know in silence. So the host decides.
 */
export function firstDialect(baseUrl: string): OpenAiDialect {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return /(^|\.)(openai\.com|openai\.azure\.com|services\.ai\.azure\.com)$/.test(host)
    ? { streamUsage: true, limitField: 'max_completion_tokens', otherLimitFields: ['max_tokens'] }
    : { streamUsage: true, limitField: 'max_tokens', otherLimitFields: ['max_completion_tokens'] };
}

/**
 * The dialect without what the server has just refused by name; null where it refused something else. A request that
 * was refused so was not answered, so it may be made again; each refusal takes something away, so this comes to an end.
 */
export function simplerDialect(dialect: OpenAiDialect, { error, said }: Failure): OpenAiDialect | null {
  if (error.status !== 400 && error.status !== 422) return null;
  if (!/unsupported|not supported|unrecognized|unknown|unexpected|extra|not permitted|not allowed/i.test(said))
    return null;
  if (dialect.streamUsage && said.includes('stream_options')) return { ...dialect, streamUsage: false };
  if (dialect.limitField && said.includes(dialect.limitField)) {
    const [limitField = null, ...otherLimitFields] = dialect.otherLimitFields;
    return { ...dialect, limitField, otherLimitFields };
  }
  return null;
}
