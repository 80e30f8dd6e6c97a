import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { startOfAnswer } from '../../../src/answers/live-text.js';
import { Run } from '../../../src/answers/run.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { DictatedModel } from '../../integration/answers/dictated-model.js';
import { ManualClock } from '../../support/manual-clock.js';

const model = {
  ...{ id: 'dictated', name: 'Dictated', provider: 'test', contextTokens: 8192, maxOutputTokens: null },
  ...{ inputMicroUsdPerMTok: 1_000_000, outputMicroUsdPerMTok: 2_000_000 },
};

/** A run that listens to a model by hand, on a clock by hand. */
class Stage {
  readonly clock = new ManualClock();
  readonly provider = new DictatedModel();
  /** What the run said of its growth: was it worth a checkpoint? */
  readonly growth: boolean[] = [];
  readonly run: Run;
  readonly ending: ReturnType<Run['listen']>;

  constructor(answerBytes = 1000) {
    const key = { ownerId: newId(), conversationId: newId(), messageId: newId(), runId: newId() };
    this.run = new Run(key, {
      ...{ clock: this.clock, log: createLog('silent'), provider: this.provider, model, answerBytes },
      readPrompt: async () => [],
      onGrowth: (early) => this.growth.push(early),
    });
    this.ending = this.run.listen();
  }

  async say(text: string): Promise<void> {
    (await this.provider.asked(0)).say(text);
    await setImmediate();
  }

  get shown(): string {
    return this.run.live.read(startOfAnswer, 10_000)?.content ?? '';
  }
}

describe('A run whose last success is 8 s old by its own monotonic clock', () => {
  it('delivers nothing more, though no tick has come since: its process may have stood still', async () => {
    const stage = new Stage();
    await stage.say('before');
    // No timer runs: the first thing that happens is what the model said meanwhile.
    stage.clock.jump(60_000);
    await stage.clock.advance(8000);
    await stage.say(' after');
    expect(stage.shown).toBe('before');
    expect(stage.run.text.content).toBe('before after');
    stage.run.madeDurable(stage.run.live.end, stage.clock.monotonic());
    expect(stage.shown).toBe('before after');
    stage.run.stop('cancel');
    await stage.ending;
  });

  it('delivers nothing more either where what succeeded was sent before its process stood still', async () => {
    const stage = new Stage();
    await stage.say('before');
    const sentMs = stage.clock.monotonic();
    await stage.clock.advance(20_000);
    // The answer had come at once, and lay there.
    stage.run.madeDurable(stage.run.live.end, sentMs);
    await stage.say(' after');
    expect(stage.shown).toBe('before');
    stage.run.madeDurable(stage.run.live.end, stage.clock.monotonic());
    expect(stage.shown).toBe('before after');
    stage.run.stop('cancel');
    await stage.ending;
  });

  it('delivers until then, whatever the time of day does', async () => {
    const stage = new Stage();
    stage.clock.jump(3_600_000);
    await stage.clock.advance(7999);
    await stage.say('on time');
    expect(stage.shown).toBe('on time');
    stage.run.stop('cancel');
    await stage.ending;
  });
});

describe('The end of a run', () => {
  it('is COMPLETE only when the provider said why it finished', async () => {
    const whole = new Stage();
    await whole.say('all');
    (await whole.provider.asked(0)).finish();
    expect(await whole.ending).toEqual({ status: 'COMPLETE', finishReason: 'stop', fault: null });
    const cut = new Stage();
    await cut.say('some');
    (await cut.provider.asked(0)).end();
    expect(await cut.ending).toMatchObject({ status: 'INTERRUPTED', fault: { code: 'PROVIDER_ENDED_EARLY' } });
  });

  it('keeps what was written until somebody cancelled, half a pair as U+FFFD', async () => {
    const stage = new Stage();
    await stage.say('so far \ud83e');
    expect(stage.shown).toBe('so far ');
    stage.run.stop('cancel');
    stage.run.stop('shutdown');
    expect(await stage.ending).toEqual({ status: 'CANCELLED', finishReason: null, fault: null });
    expect(stage.run.text.content).toBe('so far \ufffd');
  });

  it('is FAILED with ANSWER_TOO_LONG past its limit in bytes, with all that fitted', async () => {
    const stage = new Stage(10);
    await stage.say('日日日');
    await stage.say('日');
    expect(await stage.ending).toMatchObject({
      status: 'FAILED',
      fault: { code: 'ANSWER_TOO_LONG', retryable: false },
    });
    expect(stage.run.text.content).toBe('日日日');
  });
});

describe('A run between checkpoints', () => {
  it('asks for an early one at 2 KiB of new text, counted from what is durable', async () => {
    const stage = new Stage(10_000);
    await stage.say('x'.repeat(2047));
    await stage.say('x');
    stage.run.madeDurable({ content: 2048, reasoning: 0 }, stage.clock.monotonic());
    await stage.say('x');
    expect(stage.growth).toEqual([false, true, false]);
    stage.run.stop('cancel');
    await stage.ending;
  });

  it('is due with new text, and after a second without any; never while a statement about it is under way', async () => {
    const stage = new Stage();
    expect(stage.run.due).toBe(false);
    await stage.say('x');
    expect(stage.run.due).toBe(true);
    const release = stage.run.takeTurn();
    expect(stage.run.due).toBe(false);
    release();
    stage.run.madeDurable(stage.run.live.end, stage.clock.monotonic());
    expect(stage.run.due).toBe(false);
    await stage.clock.advance(1000);
    expect(stage.run.due).toBe(true);
    stage.run.stop('fenced');
    expect(stage.run.due).toBe(false);
    await stage.ending;
  });

  it('gives its turn to one at a time', async () => {
    const { run, ending } = new Stage();
    const first = run.takeTurn();
    const order: string[] = [];
    const later = ['second', 'third'].map(async (name) => {
      const release = await run.waitForTurn();
      order.push(`${name} begins`);
      await setImmediate();
      order.push(`${name} ends`);
      release();
    });
    first();
    await Promise.all(later);
    expect(order).toEqual(['second begins', 'second ends', 'third begins', 'third ends']);
    run.stop('cancel');
    await ending;
  });
});
