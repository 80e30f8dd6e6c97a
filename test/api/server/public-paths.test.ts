import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { startApp, type TestApp } from '../../support/app.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});

afterAll(() => app?.close());

describe('What a server answers at its paths', () => {
  it('/health/live says that the process runs, /health/ready that it can serve', async () => {
    await request(app.url).get('/health/live').expect(200).expect('content-type', /json/);
    await request(app.url).get('/health/ready').expect(200).expect('content-type', /json/);
  });

  it('/ redirects to GraphiQL', async () => {
    await request(app.url).get('/').expect(302).expect('location', '/graphiql');
  });

  it('everything but GraphQL answers errors as JSON too', async () => {
    const { body } = await request(app.url).get('/nothing/here').expect(404).expect('content-type', /json/);
    expect(body.errors[0].extensions.code).toBe('NOT_FOUND');
  });

  it('no token: HTTP 401 with UNAUTHENTICATED in a GraphQL body', async () => {
    const { body } = await request(app.url).post('/graphql').send({ query: '{ viewer { id } }' }).expect(401);
    expect(body.errors[0].extensions.code).toBe('UNAUTHENTICATED');
  });

  it('a token: the viewer whom it names', async () => {
    const { body } = await request(app.url)
      .post('/graphql')
      .set('authorization', `Bearer ${app.token('grace', { email: 'grace@example.com' })}`)
      .send({ query: '{ viewer { email roles } }' })
      .expect(200);
    expect(body).toEqual({ data: { viewer: { email: 'grace@example.com', roles: [] } } });
  });
});
