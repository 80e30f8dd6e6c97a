import type { Timed } from '../history.js';
import { answersEnd, calledOnce, cancelsStand, transcriptsFit } from './answers.js';
import { branchesShow, branchesStand } from './branches.js';
import { devicesShow, errorsFit, listsShow, nothingLeft, writesLast } from './clients.js';
import { erasedIsGone } from './erasures.js';
import { type Check, Found } from './found.js';
import { leasesLive } from './leases.js';
import { deletedIsGone, nothingInvented, nothingLost } from './messages.js';
import { oneOrder, orderOfTime } from './order.js';

const checks: readonly Check[] = [
  nothingLost,
  nothingInvented,
  deletedIsGone,
  oneOrder,
  orderOfTime,
  branchesStand,
  branchesShow,
  erasedIsGone,
  calledOnce,
  answersEnd,
  cancelsStand,
  transcriptsFit,
  leasesLive,
  errorsFit,
  writesLast,
  devicesShow,
  listsShow,
  nothingLeft,
];

/** What is wrong with what happened, a sentence each that names ids; none where every promise was kept. */
export function checkHistory(events: readonly Timed[]): string[] {
  const found = new Found(events);
  return checks.flatMap((check) => check(found));
}
