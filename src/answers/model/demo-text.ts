/** What the demonstration thinks aloud. */
export const demoReasoning = 'There is nothing to think about: this text was written beforehand.';

/** The most characters of a question that are quoted. */
const quotedCharacters = 60;

/** The demonstration's answer to a question; null where there is none to quote. */
export function demoAnswer(question: string | null): string {
  const quoted = question === null ? '' : `You wrote:\n\n> ${quote(question)}\n\nI can tell you nothing about that. `;
  return `**This is Parley's built-in demonstration, not a language model.** It understands nothing and knows nothing: \
whatever you ask, it writes this prepared text, at about the pace of a real model, so that you can see an answer grow.

${quoted}Here is what you can try while I write:

1. **Reload the page**, or cut the connection. I go on writing, and you lose nothing: subscribe with the last cursor that you received.
2. **Open a second tab** on the same answer. Both tabs show the same text, each at its own speed.
3. **Cancel me.** What I have written so far is kept.

Text arrives in pieces, and they are not always whole words. Accents (é, à, ñ), 日本語, Ελληνικά and emoji made of several \
characters, such as 👩‍🚀 or 👨‍👩‍👧, must come out of it whole.

## A real model

Any server that speaks OpenAI's protocol will do: OpenAI itself, Azure, vLLM, or Ollama on your own machine.

\`\`\`sh
ollama pull llama3.2
OPENAI_BASE_URL=http://127.0.0.1:11434/v1 DEFAULT_MODEL=llama3.2 npm start
\`\`\`

| variable | what it says |
|---|---|
| \`OPENAI_BASE_URL\` | where the server is |
| \`OPENAI_API_KEY\` | your key, if it wants one |
| \`DEFAULT_MODEL\` | the model that answers |

That is all there is in me. The next answer will be this one again. 👋
`;
}

/** The beginning of a text on one line, cut between characters as people see them. */
function quote(text: string): string {
  // Cut first, and far behind what is shown: a question may be long.
  const line = text.slice(0, 1000).toWellFormed().replace(/\s+/g, ' ').trim();
  const characters = [...new Intl.Segmenter('en').segment(line)].map(({ segment }) => segment);
  return characters.length <= quotedCharacters ? line : `${characters.slice(0, quotedCharacters).join('')}…`;
}

/** The text in pieces about as long as a model's tokens. */
export const piecesOf = (text: string): string[] =>
  text.match(/\s?[\p{L}\p{M}\p{N}]{1,5}|\s?[^\p{L}\p{M}\p{N}\s]{1,3}|\s/gu) ?? [];
