import { hostname } from 'node:os';
import { AnswerResolver } from './answers/answer.resolver.js';
import { AnswerService } from './answers/answer.service.js';
import { Cancelling } from './answers/cancelling.js';
import { LostAnswers } from './answers/lost-answers.js';
import { DemoModel, demoModelSettings } from './answers/model/demo-model.js';
import type { ModelProvider } from './answers/model/model.js';
import { ModelCatalogue, type ModelSettings } from './answers/model/model-catalogue.js';
import { OpenAiProvider } from './answers/model/openai-provider.js';
import { withTimeouts } from './answers/model/with-timeouts.js';
import { Replicas } from './answers/replicas.js';
import { Runs } from './answers/runs.js';
import { TitleWriter } from './answers/title-writer.js';
import type { Config } from './config.js';
import { makeConversationLoaders } from './conversations/conversation.loaders.js';
import { ConversationResolver, conversationFinder } from './conversations/conversation.resolver.js';
import { ConversationService, type ConversationServiceDeps } from './conversations/conversation.service.js';
import { forgetRequests } from './conversations/request.repository.js';
import type { Keyring } from './identity/keyring.js';
import { ViewerResolver } from './identity/viewer.resolver.js';
import { viewerFinder } from './identity/viewer.types.js';
import { ChangeHints } from './live/change-hints.js';
import { ChangeWatch } from './live/change-watch.js';
import { LiveResolver } from './live/live.resolver.js';
import { LiveService } from './live/live.service.js';
import { ConversationMessagesResolver } from './messages/conversation-messages.resolver.js';
import { makeMessageLoaders } from './messages/message.loaders.js';
import { MessageResolver, messageFinder } from './messages/message.resolver.js';
import { MessageService } from './messages/message.service.js';
import { RecentMessages } from './messages/recent-messages.js';
import type { Clock } from './platform/clock.js';
import type { Database } from './platform/database.js';
import { newId } from './platform/ids.js';
import type { Log } from './platform/log.js';
import { Periodic } from './platform/periodic.js';
import { Turns } from './platform/turns.js';
import { Expiry } from './privacy/expiry.js';
import { RetentionResolver } from './privacy/retention.resolver.js';
import { RetentionService } from './privacy/retention.service.js';
import type { Closers, Resources } from './resources.js';
import { SearchResolver } from './search/search.resolver.js';
import { SearchService } from './search/search.service.js';
import { NodeResolver } from './server/node.resolver.js';
import { UsageResolver } from './usage/usage.resolver.js';
import { UsageService } from './usage/usage.service.js';

const sweepMs = 2000;
/** How often what nobody reads any more is removed: often and little, also by an instance that does not live long. */
const removalMs = 10_000;
const removalBatch = 1000;
/** A title is short, and the first question's words stand there meanwhile. */
const titleTimeouts = { firstTokenMs: 15_000, betweenTokensMs: 5000, wholeMs: 30_000 };

/** What every part of a server is joined with. */
export interface AppParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly closers: Closers;
}

type DomainParts = AppParts & { readonly keyring: Keyring };
type WritingParts = DomainParts & { readonly turns: Turns; readonly recent: RecentMessages };

/** Every resolver's class has one object, made here; what a domain needs of a later one is handed in as a value. */
export function joinDomains(config: Config, resources: Resources, parts: DomainParts) {
  const { database, rates } = resources;
  const { clock, keyring } = parts;
  const { limits, quotas, temporaryHours, retentionDays: serverDays } = config;
  const models = new ModelCatalogue(
    [...config.models, ...(config.demoModel ? [demoModelSettings] : [])],
    config.defaultModel,
  );
  const hints = new ChangeHints(resources.pubsub, clock);
  parts.closers.add('change hints', async () => hints.close());
  const onChanged = hints.say;
  const turns = new Turns(clock);
  const recent = new RecentMessages(resources.recentLists);
  const writing = joinWriting(config, resources, { ...parts, turns, recent }, onChanged);
  const knownModels = models.all().map(({ id }) => id);
  const onDeleted: ConversationServiceDeps['onDeleted'] = (ownerId, { conversationIds, temporaryIds, answerIds }) => {
    for (const id of conversationIds) onChanged(ownerId, id, temporaryIds.includes(id));
    for (const answerId of answerIds) writing.cancelling.settledElsewhere(answerId);
    void recent.forget(ownerId, conversationIds);
    remover.now();
  };
  const conversationService = new ConversationService({
    ...{ database, limits, rates, turns, knownModels, temporaryHours, onChanged, onDeleted },
  });
  const remover = startPeriodic('deleted conversations', removalMs, removing(conversationService), parts);
  startPeriodic('old idempotency keys', removalMs, forgetting(database), parts);
  const answerService = new AnswerService({
    ...{ database, keyring, clock, limits, quotas, rates, turns, models, temporaryHours },
    ...{ recent, onChanged, ...writing },
    answersAtATime: config.rateLimits ? limits.answersPerOwner : null,
    providerOf: chooseProvider(config, clock),
    instance: `${hostname()}/${process.pid}/${newId()}`,
  });
  const conversationLoaders = makeConversationLoaders(database);
  const messageLoaders = makeMessageLoaders(database, recent);
  const messageService = new MessageService({ database, limits, recent, onChanged });
  const finders = [viewerFinder, conversationFinder(conversationLoaders), messageFinder(messageLoaders)];
  const resolvers = [
    new ViewerResolver(),
    new RetentionResolver(new RetentionService({ database, serverDays })),
    new NodeResolver(finders, limits.idsPerRequest),
    new UsageResolver(new UsageService(database)),
    new ConversationResolver(conversationService, conversationLoaders),
    new MessageResolver(messageService, messageLoaders, conversationLoaders),
    new ConversationMessagesResolver(messageService, messageLoaders),
    new AnswerResolver(answerService, conversationLoaders, messageLoaders),
    new SearchResolver(new SearchService({ database, rates, limits }), messageLoaders),
    new LiveResolver(joinLive(config, resources, parts, writing), conversationLoaders, messageLoaders),
  ];
  const expiry = new Expiry({ database: resources.jobs, keyring, log: parts.log, serverDays, onDeleted });
  return { resolvers, runs: writing.runs, expiry };
}

/** What writes answers on this instance, and what follows those of other instances. */
function joinWriting(
  config: Config,
  { database, upkeep, pubsub }: Resources,
  parts: WritingParts,
  onChanged: ChangeHints['say'],
) {
  const { clock, log, closers, keyring, recent } = parts;
  const { answerBytes, deltaCodeUnits } = config.limits;
  const titles = joinTitles(config, database, parts, onChanged);
  const runs = new Runs({
    ...{ database: upkeep, pubsub, keyring, clock, log, answerBytes, deltaCodeUnits, onChanged },
    onFinished: (run, final) => {
      void recent.changed(run.ownerId, final);
      titles?.answered(run, final);
    },
  });
  const lost = new LostAnswers({ database: upkeep, keyring, pubsub, clock, log, onChanged });
  const sweeper = startPeriodic('lost answers', sweepMs, () => lost.sweep(), parts);
  const replicas = new Replicas({ database, pubsub, keyring, clock, log, sweep: () => sweeper.now() });
  closers.add('replicas', () => replicas.close());
  return { runs, replicas, cancelling: new Cancelling({ database, pubsub, runs, replicas, clock }) };
}

function joinTitles(
  { openai, titleModel: model }: Config,
  database: Database,
  { clock, log, closers, keyring, turns }: WritingParts,
  onChanged: ChangeHints['say'],
): TitleWriter | null {
  if (!openai || !model) return null;
  const provider = withTimeouts(new OpenAiProvider(openai, clock), titleTimeouts, clock);
  const titles = new TitleWriter({ database, keyring, log, turns, model, provider, onChanged });
  closers.add('titles', () => titles.close());
  return titles;
}

function joinLive(
  { limits: { deltaCodeUnits } }: Config,
  { database, pubsub }: Resources,
  { clock, log, closers }: DomainParts,
  { runs, replicas }: Pick<ReturnType<typeof joinWriting>, 'runs' | 'replicas'>,
): LiveService {
  const watch = new ChangeWatch({ database, pubsub, clock, log });
  closers.add('change watch', () => watch.close());
  return new LiveService({ database, watch, runs, replicas, clock, deltaCodeUnits });
}

function chooseProvider(config: Config, clock: Clock): (model: ModelSettings) => ModelProvider {
  const { firstTokenMs, betweenTokensMs, answerMs } = config.limits;
  const timeouts = { firstTokenMs, betweenTokensMs, wholeMs: answerMs };
  const demo = withTimeouts(new DemoModel(clock), timeouts, clock);
  if (!config.openai) return () => demo;
  const openai = withTimeouts(new OpenAiProvider(config.openai, clock), timeouts, clock);
  return (model) => (model.id === demoModelSettings.id ? demo : openai);
}

function startPeriodic(
  name: string,
  everyMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  { log, clock, closers }: AppParts,
): Periodic {
  const periodic = new Periodic(name, everyMs, work, { clock, log });
  closers.add(name, () => periodic.close());
  periodic.start();
  return periodic;
}

const removing = (conversations: ConversationService) => async (signal: AbortSignal) => {
  while (!signal.aborted && (await conversations.removeDeleted(removalBatch)));
};

const forgetting = (database: Database) => async (signal: AbortSignal) => {
  while (!signal.aborted && (await forgetRequests(database, removalBatch)) === removalBatch);
};
