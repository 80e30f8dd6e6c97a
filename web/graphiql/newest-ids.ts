import { useGraphiQL } from '@graphiql/react';
import { useEffect, useRef } from 'react';

/** Ids by the name of the variable that takes them. */
type Ids = Partial<Record<'messageId' | 'conversationId', string>>;

let newest: Ids = {};

/** Remembers the answer and the conversation that a mutation's payload names, whatever the mutation. */
export function rememberIds(data: unknown): void {
  for (const payload of Object.values(isRecord(data) ? data : {})) {
    if (!isRecord(payload)) continue;
    const messageId = idOf(payload.answer);
    const conversationId = idOf(payload.conversation);
    if (messageId || conversationId)
      newest = { ...(messageId && { messageId }), ...(conversationId && { conversationId }) };
  }
}

/**
 * Puts the newest ids into the variables of a tab when it is opened; once a tab for each new answer, so that what a
 * person writes there afterwards stays.
 */
export function FillVariables(): null {
  const { tabs, activeTabIndex, variableEditor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    variableEditor: state.variableEditor,
  }));
  const filled = useRef(new Map<string, Ids>());
  const tabId = tabs[activeTabIndex]?.id;

  useEffect(() => {
    if (!tabId || !variableEditor || filled.current.get(tabId) === newest) return;
    filled.current.set(tabId, newest);
    const before = variableEditor.getValue();
    const after = withIds(before, newest);
    if (after !== before) variableEditor.setValue(after);
  }, [tabId, variableEditor]);
  return null;
}

/** The same variables with the ids that they ask for; unchanged where they are no JSON object. */
function withIds(json: string, ids: Ids): string {
  const variables = parse(json);
  if (!isRecord(variables)) return json;
  const wanted = Object.entries(ids).filter(([name, id]) => name in variables && variables[name] !== id);
  return wanted.length === 0 ? json : JSON.stringify({ ...variables, ...Object.fromEntries(wanted) }, null, 2);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

const idOf = (value: unknown): string | undefined =>
  isRecord(value) && typeof value.id === 'string' ? value.id : undefined;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
