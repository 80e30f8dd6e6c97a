/**
 * About how many tokens a text has: its UTF-8 bytes divided by three, rounded up. That is on the high side for most
 * texts, and costs next to nothing, where a tokenizer blocks the process for long on a hostile text.
 */
export const estimateTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / 3);
