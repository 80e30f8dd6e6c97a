/**
 * About how many tokens a model makes of a text: UTF-8 bytes divided by three, rounded up. A tokenizer would be closer,
 * and blocks the event loop for hundreds of milliseconds on hostile text.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 3);
}
