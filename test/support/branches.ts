import { attempt, type Outcome, type ReadMessage } from './conversations.js';
import type { Person } from './person.js';

const message = 'id role status content cursor';

interface Header {
  readonly id: string;
  readonly title: string;
  readonly messageCount: number;
}
const header = 'id title messageCount';

export interface Edited {
  readonly editMessage: { readonly conversation: Header; readonly message: ReadMessage; readonly answer: ReadMessage };
}

export interface Regenerated {
  readonly regenerateAnswer: {
    readonly conversation: Header;
    readonly message: ReadMessage | null;
    readonly answer: ReadMessage;
  };
}

export interface Selected {
  readonly selectBranch: { readonly conversation: Header };
}

export interface ErasedMessage extends ReadMessage {
  readonly reasoning: string | null;
  readonly metadata: object;
  readonly erasedAt: string | null;
}

export interface Erased {
  readonly eraseMessage: { readonly message: ErasedMessage };
}

const editMutation = `mutation ($input: EditMessageInput!) {
  editMessage(input: $input) { conversation { ${header} } message { ${message} } answer { ${message} } }
}`;
const regenerateMutation = `mutation ($input: RegenerateAnswerInput!) {
  regenerateAnswer(input: $input) { conversation { ${header} } message { ${message} } answer { ${message} } }
}`;
const selectMutation = `mutation ($id: ID!) { selectBranch(messageId: $id) { conversation { ${header} } } }`;
const eraseMutation = `mutation ($id: ID!) {
  eraseMessage(messageId: $id) { message { ${message} reasoning metadata erasedAt } }
}`;

/** The same where they may be refused. */
export const tryEdit = (person: Person, input: object): Promise<Outcome<Edited>> =>
  attempt(person, editMutation, { input });
export const tryRegenerate = (person: Person, input: object): Promise<Outcome<Regenerated>> =>
  attempt(person, regenerateMutation, { input });
export const trySelect = (person: Person, id: string): Promise<Outcome<Selected>> =>
  attempt(person, selectMutation, { id });
export const tryErase = (person: Person, id: string): Promise<Outcome<Erased>> =>
  attempt(person, eraseMutation, { id });

export const edit = async (person: Person, input: object) => dataOf(await tryEdit(person, input)).editMessage;
export const regenerate = async (person: Person, input: object) =>
  dataOf(await tryRegenerate(person, input)).regenerateAnswer;
/** The header afterwards. */
export const select = async (person: Person, id: string) =>
  dataOf(await trySelect(person, id)).selectBranch.conversation;
export const erase = async (person: Person, id: string) => dataOf(await tryErase(person, id)).eraseMessage.message;

function dataOf<Data>(outcome: Outcome<Data>): Data {
  if (outcome.data === undefined) throw new Error(`The mutation was refused: ${JSON.stringify(outcome)}`);
  return outcome.data;
}

/** The ids of a message and its alternatives, as they are given. */
export async function siblingsOf(person: Person, id: string): Promise<readonly string[]> {
  const query = 'query ($id: ID!) { message(id: $id) { siblings { id } } }';
  const { message: found } = await person.data<{ message: { siblings: { id: string }[] } }>(query, { id });
  return found.siblings.map((sibling) => sibling.id);
}
