import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { endsOnce, saysHowItEnded } from './at-the-end.js';
import { stopsTheModel } from './cancelling.js';
import { carriesReasoning, keepsCharactersWhole } from './characters.js';
import { beginsAtTheCursor, waitsBeyondTheText } from './from-a-cursor.js';
import { refusesWrongCursors, tellsNothingOfOthers } from './refusals.js';
import { letsEachReadAtItsPace } from './slow-and-fast.js';
import { type Arrangement, Stage } from './stage.js';
import { endsWithItsInstance } from './stopped-writer.js';

/** The same of PROTOCOL.md, part 1, wherever an answer is followed; a file for each, since each takes its time. */
export function followingContract(arrangement: Arrangement): void {
  describe(`Following an answer ${arrangement.name}`, () => {
    let opened: Stage;
    const stage = () => opened;

    beforeAll(async () => {
      opened = await Stage.open(arrangement);
    });
    afterEach(() => opened.leaveAll());
    afterAll(() => opened?.close());

    describe('from a cursor', () => beginsAtTheCursor(stage));
    describe('beyond the text', () => waitsBeyondTheText(stage));
    describe('to its end', () => endsOnce(stage));
    describe('that ends otherwise', () => saysHowItEnded(stage));
    describe('of any characters', () => keepsCharactersWhole(stage));
    describe('in content and reasoning', () => carriesReasoning(stage));
    describe('at any pace', () => letsEachReadAtItsPace(stage));
    describe('with a wrong cursor', () => refusesWrongCursors(stage));
    describe('that is not there', () => tellsNothingOfOthers(stage));
    describe('that is cancelled', () => stopsTheModel(stage));
    describe('whose writer is stopped', () => endsWithItsInstance(stage));
  });
}
