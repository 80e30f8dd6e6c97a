import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { type ExecutionResult, type GraphQLSchema, graphql } from 'graphql';
import { buildSchema, type ClassType } from 'type-graphql';
import { makeConversationLoaders } from '../../../src/conversations/conversation.loaders.js';
import { ConversationResolver, conversationFinder } from '../../../src/conversations/conversation.resolver.js';
import { ConversationService } from '../../../src/conversations/conversation.service.js';
import type { MarkedDeleted } from '../../../src/conversations/conversation-removal.repository.js';
import { entities } from '../../../src/entities.js';
import { Keyring } from '../../../src/identity/keyring.js';
import { Scope } from '../../../src/identity/scope.js';
import { ViewerResolver } from '../../../src/identity/viewer.resolver.js';
import { viewerFinder } from '../../../src/identity/viewer.types.js';
import { defaultLimits } from '../../../src/limits.js';
import { ConversationMessagesResolver } from '../../../src/messages/conversation-messages.resolver.js';
import { makeMessageLoaders } from '../../../src/messages/message.loaders.js';
import { MessageResolver, messageFinder } from '../../../src/messages/message.resolver.js';
import { MessageService } from '../../../src/messages/message.service.js';
import { systemClock } from '../../../src/platform/clock.js';
import { Database, statement } from '../../../src/platform/database.js';
import { ConfiguredKeyEncryption } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { OpenedTexts } from '../../../src/platform/opened-texts.js';
import { type Rates, unlimited } from '../../../src/platform/rates.js';
import { Turns } from '../../../src/platform/turns.js';
import { NodeResolver } from '../../../src/server/node.resolver.js';
import { recentInMemory } from '../../support/recent-messages.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

const insertUser = statement(
  'test.users.insert',
  `INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'test', $1::uuid::text, now())`,
);

const model = 'demo';

/** The conversations and messages of the server on a database of their own, with nothing above them. */
export class TestDomain {
  /** What onDeleted was told. */
  readonly deletions: { readonly ownerId: string; readonly deleted: MarkedDeleted }[] = [];
  readonly conversations: ConversationService;
  readonly messages: MessageService;

  private constructor(
    private readonly own: TestDatabase,
    readonly database: Database,
    private readonly keyring: Keyring,
    private readonly openedTexts: OpenedTexts,
    /** Names of the statements that were sent, BEGIN and COMMIT included. */
    readonly sent: string[],
    rates: Rates,
  ) {
    this.conversations = new ConversationService({
      database,
      limits: defaultLimits,
      knownModels: [model, 'other'],
      temporaryHours: 24,
      rates,
      turns: new Turns(systemClock),
      onChanged: () => undefined,
      onDeleted: (ownerId, deleted) => this.deletions.push({ ownerId, deleted }),
    });
    const recent = recentInMemory();
    this.messages = new MessageService({ database, limits: defaultLimits, recent, onChanged: () => undefined });
  }

  /** @param rates how often a person may do things; as often as they like where it is not given */
  static async start(rates: Rates = unlimited): Promise<TestDomain> {
    const own = await createDatabase();
    const sent: string[] = [];
    const database = await Database.connect(
      {
        url: own.url,
        poolSize: 8,
        entities,
        applicationName: 'parley-tests',
        timeouts: { connectMs: 5000, statementMs: 20_000, lockMs: 5000 },
        onStatement: (name) => sent.push(name),
      },
      createLog('silent'),
    );
    const keyEncryption = new ConfiguredKeyEncryption([{ id: 'k1', key: randomBytes(32) }]);
    const keyring = new Keyring(database, keyEncryption, systemClock);
    return new TestDomain(own, database, keyring, new OpenedTexts(1_000_000, systemClock), sent, rates);
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.own.drop();
  }

  async person(): Promise<Person> {
    const id = newId();
    await this.database.query(insertUser, [id]);
    await this.keyring.ensure(id);
    const viewer = { id, email: null, department: null, roles: [], tokenExpiresAtMs: 0 };
    const deps = { keyring: this.keyring, openedTexts: this.openedTexts };
    const schema = await this.schema();
    return new Person(this, schema, () => Scope.open(viewer, 'test', deps), await Scope.open(viewer, 'test', deps));
  }

  private built: Promise<GraphQLSchema> | null = null;

  private schema(): Promise<GraphQLSchema> {
    this.built ??= this.buildSchema();
    return this.built;
  }

  private buildSchema(): Promise<GraphQLSchema> {
    const conversations = makeConversationLoaders(this.database);
    const messages = makeMessageLoaders(this.database, recentInMemory());
    const finders = [viewerFinder, conversationFinder(conversations), messageFinder(messages)];
    const resolvers = new Map<ClassType, object>([
      [ViewerResolver, new ViewerResolver()],
      [NodeResolver, new NodeResolver(finders, defaultLimits.idsPerRequest)],
      [ConversationResolver, new ConversationResolver(this.conversations, conversations)],
      [MessageResolver, new MessageResolver(this.messages, messages, conversations)],
      [ConversationMessagesResolver, new ConversationMessagesResolver(this.messages, messages)],
    ]);
    const [first, ...rest] = resolvers.keys();
    if (!first) throw new Error('There are no resolvers.');
    return buildSchema({
      resolvers: [first, ...rest],
      container: { get: (resolver: ClassType) => resolvers.get(resolver) },
      validate: false,
    });
  }
}

/** Somebody who asks. */
export class Person {
  constructor(
    readonly domain: TestDomain,
    private readonly schema: GraphQLSchema,
    /** What an operation of theirs reads with. */
    readonly scope: () => Promise<Scope>,
    private readonly own: Scope,
  ) {}

  get id(): string {
    return this.own.viewer.id;
  }

  get keys() {
    return this.own.keys;
  }

  /** The data and the errors of one operation. */
  async ask<Data>(source: string, variables: Record<string, unknown> = {}): Promise<Answer<Data>> {
    const contextValue = await this.scope();
    const result = await graphql({ schema: this.schema, source, variableValues: variables, contextValue });
    return { data: JSON.parse(JSON.stringify(result.data ?? null)) as Data, errors: errorsOf(result) };
  }

  /** The data of an operation without errors. */
  async get<Data>(source: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const { data, errors } = await this.ask<Data>(source, variables);
    if (errors.length > 0) throw new Error(`The operation has errors: ${JSON.stringify(errors)}`);
    return data;
  }

  /** The first error of an operation. */
  async refusal(source: string, variables: Record<string, unknown> = {}): Promise<AskedError | undefined> {
    return (await this.ask<unknown>(source, variables)).errors[0];
  }
}

export interface AskedError {
  readonly code: unknown;
  readonly field: unknown;
  readonly reason: unknown;
  readonly message: string;
  readonly path: string;
}

export interface Answer<Data> {
  readonly data: Data;
  readonly errors: readonly AskedError[];
}

const errorsOf = ({ errors }: ExecutionResult): AskedError[] =>
  (errors ?? []).map(({ message, extensions, path }) => ({
    code: extensions.code,
    field: extensions.field,
    reason: extensions.reason,
    message,
    path: (path ?? []).join('.'),
  }));
