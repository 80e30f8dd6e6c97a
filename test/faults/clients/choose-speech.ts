import type { SeededRandom } from '../../support/seeded-random.js';
import type { Speech } from '../deployment/speech.js';

/** How a question is to be answered. Some answers take longer than a lease lives, and what comes after it. */
export function chooseSpeech(random: SeededRandom): Speech {
  const chance = random.next();
  const faults = ['error', 'busy once', 'cut', 'stall', 'malformed'] as const;
  const ending = chance < 0.7 ? 'whole' : random.of(...faults);
  const pace = random.next();
  const isFast = pace < 0.15;
  const content = random.between(20, 4000);
  const reasoning = random.next() < 0.2 ? random.between(10, 500) : 0;
  const lastsMs = pace > 0.92 ? random.between(18_000, 26_000) : random.between(1000, 12_000);
  const slowly = Math.ceil(((content + reasoning) * 100) / lastsMs);
  return {
    ...{ ending, content, reasoning },
    pieceUnits: isFast ? random.between(50, 200) : slowly,
    breaksAt: random.between(0, 99),
    everyMs: isFast ? random.between(10, 40) : random.between(60, 140),
  };
}
