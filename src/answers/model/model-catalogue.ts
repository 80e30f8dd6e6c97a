/** A model that clients may name. */
export interface ModelSettings {
  /** As its provider knows it, and as clients name it. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** Who answers, for people. */
  readonly provider: string;
  /** The most tokens that the prompt and the answer may have together. */
  readonly contextTokens: number;
  /** The most tokens of an answer; null leaves it to the provider. */
  readonly maxOutputTokens: number | null;
  /** Millionths of a US dollar for a million tokens; null where nobody said it: unknown is not zero. */
  readonly inputMicroUsdPerMTok: number | null;
  readonly outputMicroUsdPerMTok: number | null;
}

/** The greatest cost that the public contract can say: its numbers of this kind are 32-bit integers. */
export const greatestCostMicroUsd = 2 ** 31 - 1;

/** Room kept for an answer whose length is the provider's to limit. */
const assumedAnswerTokens = 4096;

/** The models on offer, in the order in which they were configured. */
export class ModelCatalogue {
  readonly default: ModelSettings;
  private readonly byId: ReadonlyMap<string, ModelSettings>;

  /** Throws where `defaultId` is none of `models`: the configuration is checked before it comes here. */
  constructor(models: readonly ModelSettings[], defaultId: string) {
    this.byId = new Map(models.map((model) => [model.id, model]));
    const chosen = this.byId.get(defaultId);
    if (!chosen) throw new Error('The default model is not among the models.');
    this.default = chosen;
  }

  all(): readonly ModelSettings[] {
    return [...this.byId.values()];
  }

  find(id: string): ModelSettings | null {
    return this.byId.get(id) ?? null;
  }
}

/** The tokens that room is kept for in an answer of this model. */
export function answerTokens(model: ModelSettings): number {
  return model.maxOutputTokens ?? Math.min(assumedAnswerTokens, Math.floor(model.contextTokens / 4));
}

/** The tokens that a prompt for this model may have. */
export function promptBudgetTokens(model: ModelSettings): number {
  return model.contextTokens - answerTokens(model);
}

/** Millionths of a US dollar, rounded; null where a price or a count is not known. */
export function costMicroUsd(
  model: ModelSettings,
  promptTokens: number | null,
  completionTokens: number | null,
): number | null {
  const { inputMicroUsdPerMTok, outputMicroUsdPerMTok } = model;
  if (inputMicroUsdPerMTok === null || outputMicroUsdPerMTok === null) return null;
  if (promptTokens === null || completionTokens === null) return null;
  const cost = Math.round((promptTokens * inputMicroUsdPerMTok + completionTokens * outputMicroUsdPerMTok) / 1_000_000);
  return cost <= greatestCostMicroUsd ? cost : null;
}
