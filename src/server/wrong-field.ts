import { type GraphQLError, isValueNode, Kind, type Token, TokenKind } from 'graphql';

/**
 * What of a request an error of graphql-js is about: `input.messages.0.content` of a variable `$input`, or the argument
 * `filter.title` that stands in the document, where lists have no numbers; null where it is the document itself.
 */
export function wrongField({ nodes, message }: GraphQLError): string | null {
  const node = nodes?.[0];
  if (node?.kind === Kind.VARIABLE_DEFINITION) {
    return join(placeInVariable(node.variable.name.value, message), missingIn(message));
  }
  if (node?.kind === Kind.OBJECT_FIELD) return join(placeInDocument(node.value.loc?.startToken), null);
  return node && isValueNode(node) ? join(placeInDocument(node.loc?.startToken), missingIn(message)) : null;
}

const join = (place: string, field: string | null) => [place, field].filter(Boolean).join('.') || null;

function placeInVariable(name: string, message: string): string {
  const found = / at "([^"\s]{1,200})"; /.exec(message)?.[1];
  const at = found?.startsWith(`${name}.`) || found?.startsWith(`${name}[`) ? found : name;
  return at.replaceAll(/\[(\d+)\]/g, '.$1');
}

const missing =
  /(?:^|; )Field "(?:\w{1,100}\.)?(\w{1,100})" (?:of required type "[^"]{1,100}" was not provided|is not defined by type "\w+")\./;

/** The field that an object lacks, or has and should not. */
const missingIn = (message: string) => missing.exec(message)?.[1] ?? null;

const opening: readonly TokenKind[] = [TokenKind.BRACE_L, TokenKind.BRACKET_L];
const closing: readonly TokenKind[] = [TokenKind.BRACE_R, TokenKind.BRACKET_R];

/** Goes back from a value, by the names of what stands around it, to where the arguments begin. */
function placeInDocument(value: Token | undefined): string {
  const names: string[] = [];
  let depth = 0;
  let isUnnamed = true;
  for (let token = value?.prev; token && token.kind !== TokenKind.PAREN_L; token = token.prev) {
    if (closing.includes(token.kind)) depth += 1;
    else if (opening.includes(token.kind) && depth > 0) depth -= 1;
    else if (opening.includes(token.kind)) isUnnamed = true;
    else if (token.kind === TokenKind.COLON && depth === 0 && isUnnamed) {
      names.unshift(token.prev?.value ?? '');
      isUnnamed = false;
    }
  }
  return names.join('.');
}
