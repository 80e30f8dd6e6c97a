import type { Timed } from '../history.js';
import { answersEnd, calledOnce, leasesLive, transcriptsFit } from './answers.js';
import { devicesShow, errorsFit, nothingLeft, writesLast } from './clients.js';
import { type Check, Found } from './found.js';
import { deletedIsGone, nothingInvented, nothingLost } from './messages.js';
import { oneOrder, orderOfTime, pagesFit } from './order.js';

const checks: readonly Check[] = [
  nothingLost,
  nothingInvented,
  deletedIsGone,
  oneOrder,
  orderOfTime,
  pagesFit,
  calledOnce,
  answersEnd,
  transcriptsFit,
  leasesLive,
  errorsFit,
  writesLast,
  devicesShow,
  nothingLeft,
];

/** What is wrong with what happened, a sentence each that names ids; none where every promise was kept. */
export function checkHistory(events: readonly Timed[]): string[] {
  const found = new Found(events);
  return checks.flatMap((check) => check(found));
}
