import { Agent, request } from 'node:http';
import type { GraphqlBody } from '../../support/http-client.js';

/** An application loses patience then: nobody knows what became of its request. */
const patienceMs = 8000;

/** Sends GraphQL operations to one address over connections that are kept and, at the end, closed. */
export class Caller {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(readonly url: string) {}

  /** The whole answer; rejects where there is none. */
  call(token: string, query: string, variables: object): Promise<GraphqlBody> {
    const body = JSON.stringify({ query, variables });
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}/graphql`, {
        method: 'POST',
        agent: this.agent,
        signal: AbortSignal.timeout(patienceMs),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          authorization: `Bearer ${token}`,
        },
      });
      asked.on('error', reject);
      asked.on('response', async (response) => {
        try {
          let text = '';
          for await (const part of response.setEncoding('utf8')) text += part;
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
      asked.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
