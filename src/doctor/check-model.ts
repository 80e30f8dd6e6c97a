import { z } from 'zod';
import type { Config } from '../config.js';
import { type Finding, fault, note, ok, warning } from './finding.js';

const timeoutMs = 5000;
const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Does the model's server let us in, and offer what is configured? It costs no token: only its list is read. */
export async function checkModel({
  openai,
  models,
  titleModel,
}: Pick<Config, 'openai' | 'models' | 'titleModel'>): Promise<Finding[]> {
  if (!openai) return [note('model', 'The demo model answers; it is part of Parley.')];
  const response = await fetch(`${openai.baseUrl.replace(/\/+$/, '')}/models`, {
    headers: openai.apiKey === null ? {} : { authorization: `Bearer ${openai.apiKey}` },
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => describe(error));
  if (typeof response === 'string') {
    const remedy = 'See that OPENAI_BASE_URL is right, and that this machine may reach it.';
    return [fault('model', `Its server does not answer (${response}).`, remedy)];
  }
  if (response.status === 401 || response.status === 403) {
    return [
      fault('model', `Its server refuses us (${response.status}).`, 'Set OPENAI_API_KEY to a key that it accepts.'),
    ];
  }
  const list = listSchema.safeParse(await response.json().catch(() => null));
  if (!response.ok || !list.success) {
    const says = `Its server answers, but gives no list of models (${response.status}).`;
    return [warning('model', says, 'Try: npm run cli -- chat "Hello"')];
  }
  const offered = new Set(list.data.data.map(({ id }) => id));
  const wanted = new Set([...models, ...(titleModel ? [titleModel] : [])].map(({ id }) => id));
  const missing = [...wanted].filter((id) => !offered.has(id));
  if (missing.length === 0) return [ok('model', `Its server offers ${[...wanted].join(', ')}.`)];
  return missing.map((id) =>
    warning(
      'model',
      `Its server does not list ${id}.`,
      'See MODELS and DEFAULT_MODEL; some servers answer for models that they do not list.',
    ),
  );
}

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
};
