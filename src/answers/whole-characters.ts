/** Holds back the first half of a surrogate pair until its other half comes, so that what it lets through is well formed. */
export class WholeCharacters {
  private held = '';

  /** What may be shown now of `text` and of what was held before it. */
  push(text: string): string {
    const joined = this.held + text;
    const last = joined.charCodeAt(joined.length - 1);
    const cut = last >= 0xd800 && last <= 0xdbff;
    this.held = cut ? joined.slice(-1) : '';
    return (cut ? joined.slice(0, -1) : joined).toWellFormed();
  }

  /** Nothing more comes: half a pair becomes U+FFFD. */
  end(): string {
    const rest = this.held.toWellFormed();
    this.held = '';
    return rest;
  }
}
