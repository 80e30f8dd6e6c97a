/**
 * How many events of one socket are made and sent at once. Without a bound, a client that stops reading would hold one
 * whole event in memory for each of its subscriptions; with it, the others wait where they cost next to nothing. Two:
 * one is made while another is sent.
 */
const laneCount = 2;

/** The lanes of one socket, given in the order in which they were asked for. */
export class EventLanes {
  private free = laneCount;
  private readonly waiting: (() => void)[] = [];

  /** Resolves with what gives the lane back; calling that twice is harmless. */
  async enter(): Promise<() => void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    let isHeld = true;
    return () => {
      if (isHeld) this.leave();
      isHeld = false;
    };
  }

  /** A lane goes from hand to hand: nobody who comes later takes it first. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
