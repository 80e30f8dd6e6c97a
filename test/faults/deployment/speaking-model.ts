import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { chunk, done, type ModelCall, ModelServer, usageChunk, withStatus } from '../../support/model-server.js';
import type { History, ModelCalled } from '../history.js';
import {
  callKey,
  halfSecondOf,
  namesIn,
  otherModels,
  readQuestion,
  type Speech,
  spoken,
  usualModel,
} from './speech.js';

const faultNames: Readonly<Partial<Record<Speech['ending'], string>>> = {
  error: 'provider error',
  'busy once': 'provider busy (503)',
  cut: 'provider cut',
  stall: 'provider stall',
  malformed: 'provider malformed stream',
};

/** The call's key, and what it was shown. */
type Asked = Pick<ModelCalled, 'key' | 'shown'>;

/** An OpenAI-compatible server that answers each question as the question says, breaks off where it says so, and logs it. */
export class SpeakingModel {
  private readonly open = new Set<ServerResponse>();
  private readonly asked = new Map<string, number>();

  private constructor(
    private readonly server: ModelServer,
    private readonly history: History,
  ) {
    server.replyWith((response, call) => this.answer(response, call));
  }

  static async start(history: History): Promise<SpeakingModel> {
    return new SpeakingModel(await ModelServer.start(), history);
  }

  get env(): NodeJS.ProcessEnv {
    const models = [usualModel, ...otherModels].map((id) => ({ id }));
    return { OPENAI_BASE_URL: this.server.baseUrl, DEFAULT_MODEL: usualModel, MODELS: JSON.stringify(models) };
  }

  /** Answers that are being written: calls answered with 200 that are still open. */
  get running(): number {
    return this.open.size;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  private async answer(response: ServerResponse, call: ModelCall): Promise<void> {
    const prompt = promptOf(call);
    const question = readQuestion(prompt.at(-1) ?? '');
    if (!question) return await withStatus(400)(response, call);
    const { speech } = question;
    const key = callKey(question.key, String(call.body.model));
    const shown = namesIn(prompt);
    const times = (this.asked.get(key) ?? 0) + 1;
    this.asked.set(key, times);
    const fault = times > 1 && speech.ending === 'busy once' ? undefined : faultNames[speech.ending];
    if (fault) {
      this.history.add({ type: 'fault', fault, phase: 'begin', instance: null, answersRunning: this.running });
    }
    if (speech.ending === 'error') return await this.refuse(500, { key, shown }, response, call);
    if (speech.ending === 'busy once' && times === 1) return await this.refuse(503, { key, shown }, response, call);
    await this.speak(response, { key, shown }, speech);
  }

  private async refuse(status: number, asked: Asked, response: ServerResponse, call: ModelCall): Promise<void> {
    const nothing = { content: '', reasoning: '', finishes: false, halfSecond: 0 };
    this.history.add({ type: 'model', ...asked, status, ...nothing });
    await withStatus(status, { error: { message: 'for now' } })(response, call);
  }

  private async speak(response: ServerResponse, asked: Asked, speech: Speech): Promise<void> {
    const { key } = asked;
    const isWhole = speech.ending === 'whole' || speech.ending === 'busy once';
    const content = spoken(key, 'content', speech.content);
    const reasoning = spoken(key, 'reasoning', speech.reasoning);
    const halfSecond = halfSecondOf(speech);
    this.history.add({ type: 'model', ...asked, status: 200, content, reasoning, finishes: isWhole, halfSecond });
    this.open.add(response);
    response.once('close', () => {
      this.open.delete(response);
      this.history.add({ type: 'modelEnded', key });
    });
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const parts = [...piecesOf(reasoning, 'reasoning_content', speech), ...piecesOf(content, 'content', speech)];
    const until = isWhole ? parts.length : Math.floor((parts.length * speech.breaksAt) / 100);
    for (const part of parts.slice(0, until)) {
      if (response.destroyed) return;
      response.write(part);
      await wait(speech.everyMs);
    }
    if (response.destroyed) return;
    if (isWhole) response.end(chunk({}, 'stop') + usageChunk(7, parts.length) + done);
    else if (speech.ending === 'cut') response.socket?.destroy();
    else if (speech.ending === 'malformed') response.end('data: {"choices": [{"delta": {"content": "half\n\n<html>');
  }
}

/** Cut anywhere: within surrogate pairs too, as some models do. */
function piecesOf(text: string, field: string, { pieceUnits }: Speech): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; start += pieceUnits) {
    pieces.push(chunk({ [field]: text.slice(start, start + pieceUnits) }));
  }
  return pieces;
}

function promptOf({ body }: ModelCall): string[] {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  return messages.map(({ content }) => String(content));
}
