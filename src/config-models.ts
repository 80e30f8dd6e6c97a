import { z } from 'zod';
import { demoModelSettings } from './answers/model/demo-model.js';
import type { ModelSettings } from './answers/model/model-catalogue.js';
import type { OpenAiAddress } from './answers/model/openai-provider.js';
import type { VariableReader } from './config-reader.js';
import { greatestLimit } from './limits.js';

export interface ModelChoice {
  readonly openai: OpenAiAddress | null;
  /** What `openai` offers; the demo model is not among them. */
  readonly models: readonly ModelSettings[];
  readonly demoModel: boolean;
  /** The id of one of `models`, or `demo`. */
  readonly defaultModel: string;
  /** Writes titles; null: none does. It need not be one of `models`: nobody else may name it. */
  readonly titleModel: ModelSettings | null;
}

const openAiBaseUrl = 'https://api.openai.com/v1';
const modelsExample = '[{"id": "llama3.2", "contextTokens": 131072, "maxOutputTokens": 8192}]';

/** Modest on purpose: what a model cannot hold is an error of the provider, what is left out is only less memory. */
const assumedContextTokens = 16_384;

export function readModels(reader: VariableReader, production: boolean): ModelChoice {
  const openai = readOpenAi(reader, production);
  const listed = readModelList(reader, openai);
  const named = reader.text('DEFAULT_MODEL');
  const choice: ModelChoice = {
    openai,
    models: listed ?? (openai && named && named !== demoModelSettings.id ? [modelOf({ id: named }, openai)] : []),
    demoModel: !production,
    defaultModel: named ?? demoModelSettings.id,
    titleModel: readTitleModel(reader, openai, listed ?? []),
  };
  checkDefaultModel(reader, choice);
  return choice;
}

function readOpenAi(reader: VariableReader, production: boolean): OpenAiAddress | null {
  const baseUrl = reader.url('OPENAI_BASE_URL', ['http:', 'https:'], 'http://127.0.0.1:11434/v1');
  const apiKey = reader.text('OPENAI_API_KEY');
  // A base URL that is faulty is still one that was set: what depends on it has no fault of its own.
  if (reader.text('OPENAI_BASE_URL') !== null || apiKey !== null) return { baseUrl: baseUrl ?? openAiBaseUrl, apiKey };
  if (!production) return null;
  const remedy = 'set OPENAI_API_KEY for OpenAI, or OPENAI_BASE_URL for any compatible server';
  return reader.fault('OPENAI_BASE_URL', 'is not set, and production has no demo model', remedy);
}

function readTitleModel(
  reader: VariableReader,
  openai: OpenAiAddress | null,
  listed: readonly ModelSettings[],
): ModelSettings | null {
  const id = reader.text('TITLE_MODEL');
  if (id === null) return null;
  if (openai) return listed.find((model) => model.id === id) ?? modelOf({ id }, openai);
  const remedy = 'set OPENAI_BASE_URL or OPENAI_API_KEY too, or leave it out';
  return reader.fault('TITLE_MODEL', 'names a model that no server offers', remedy);
}

function checkDefaultModel(reader: VariableReader, { openai, models, demoModel, defaultModel }: ModelChoice): void {
  const fault = (wrong: string, remedy: string) => reader.fault('DEFAULT_MODEL', wrong, remedy);
  if (reader.text('DEFAULT_MODEL') === null) {
    if (openai || !demoModel) fault('is not set', 'set it to the id of a model that your server offers');
  } else if (defaultModel === demoModelSettings.id) {
    if (!demoModel) fault('is the demo model, which production does not offer', 'set it to a model of your server');
  } else if (!openai) {
    if (demoModel)
      fault('names a model that no server offers', 'set OPENAI_BASE_URL or OPENAI_API_KEY too, or leave it out');
  } else if (!models.some((model) => model.id === defaultModel)) {
    fault('is not among MODELS', 'set it to the id of one of them');
  }
}

const count = z.int().min(1).max(greatestLimit);
const price = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullish();
const modelList = z
  .array(
    z.strictObject({
      id: z.string().min(1).max(200),
      name: z.string().min(1).max(200).optional(),
      provider: z.string().min(1).max(200).optional(),
      contextTokens: count.optional(),
      maxOutputTokens: count.nullish(),
      inputMicroUsdPerMTok: price,
      outputMicroUsdPerMTok: price,
    }),
  )
  .min(1);

type ListedModel = z.infer<typeof modelList>[number];

function readModelList(reader: VariableReader, openai: OpenAiAddress | null): readonly ModelSettings[] | null {
  const models = reader.json('MODELS', modelList, modelsExample)?.map((model) => modelOf(model, openai));
  if (!models) return null;
  if (!openai)
    reader.fault('MODELS', 'is set without a server that has them', 'set OPENAI_BASE_URL or OPENAI_API_KEY too');
  models.forEach((model, index) => {
    const fault = (wrong: string, remedy: string) => reader.fault('MODELS', `entry ${index + 1} ${wrong}`, remedy);
    const isRepeated = models.findIndex((other) => other.id === model.id) < index;
    const leavesNoRoom = (model.maxOutputTokens ?? 0) >= model.contextTokens;
    if (model.id === demoModelSettings.id) fault('has the id of the demo model', 'give it another');
    if (isRepeated) fault('has the id of an entry before it', 'list each model once');
    if (leavesNoRoom) fault('leaves no room for the question', 'make contextTokens greater than maxOutputTokens');
  });
  return models;
}

function modelOf(model: ListedModel, openai: OpenAiAddress | null): ModelSettings {
  return {
    id: model.id,
    name: model.name ?? model.id,
    provider: model.provider ?? (openai?.baseUrl === openAiBaseUrl ? 'OpenAI' : 'OpenAI-compatible'),
    contextTokens: model.contextTokens ?? assumedContextTokens,
    maxOutputTokens: model.maxOutputTokens ?? null,
    inputMicroUsdPerMTok: model.inputMicroUsdPerMTok ?? null,
    outputMicroUsdPerMTok: model.outputMicroUsdPerMTok ?? null,
  };
}
