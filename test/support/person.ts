import type { FormattedExecutionResult } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type GraphqlBody, post } from './http-client.js';

/** Someone with a token, at one server. */
export class Person {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** The whole answer to one operation over HTTP. */
  async graphql(query: string, variables?: object): Promise<GraphqlBody> {
    const answer = await post(`${this.url}/graphql`, { query, variables }, { authorization: `Bearer ${this.token}` });
    if (!answer.json) throw new Error(`The answer is no JSON (${answer.status}).`);
    return answer.json;
  }

  /** The data of one operation over HTTP; throws where there are errors. */
  async data<Data>(query: string, variables?: object): Promise<Data> {
    const { data, errors } = await this.graphql(query, variables);
    if (errors) throw new Error(`The operation has errors: ${JSON.stringify(errors)}`);
    return data as Data;
  }

  /**
   * The events of one subscription, over a socket of its own that closes when the loop over them ends. A socket that is
   * cut ends them with an error.
   */
  async *follow<Data>(
    query: string,
    variables?: Record<string, unknown>,
  ): AsyncGenerator<FormattedExecutionResult<Data, unknown>> {
    const client = createClient({
      url: `${this.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.token}` },
      retryAttempts: 0,
      lazyCloseTimeout: 0,
    });
    try {
      yield* client.iterate<Data>({ query, ...(variables && { variables }) });
    } finally {
      await client.dispose();
    }
  }
}
