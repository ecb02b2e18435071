// What the board knows: the newest change per contact, crossings, counts. No DOM here.
// Laws: a version already seen is not counted again, and a snapshot of the past is shown but not counted; at most
// LIMIT contacts are remembered, the longest unchanged go.

const LIMIT = 100;
const HISTORY = 16;
const CROSSINGS = 12;
const SECONDS = 60;

export class Board {
  constructor() {
    Object.assign(this, { rows: new Map(), crossings: [], seen: 0, crossed: 0, second: 0, rates: Array(SECONDS).fill(0), changes: 0, counting: false });
  }

  changed(change) {
    const name = `${change.contactId}\n${change.profileId}`;
    const before = this.rows.get(name);
    if (before && change.version <= before.version) return;
    this.seen += Number(this.counting);
    this.second += Number(this.counting);
    this.changes += 1;
    const history = before ? before.history : [change.previousScore];
    history.push(change.score);
    if (history.length > HISTORY) history.shift();
    this.rows.delete(name);
    this.rows.set(name, {
      name, history,
      contact: change.contactId, profile: change.profileId, score: change.score, delta: change.delta,
      version: change.version, at: change.occurredAt, reason: reason(change),
      crossing: this.crossings.find((known) => concerns(known, change)) ?? null,
      stamp: (before?.stamp ?? 0) + 1,
    });
    if (this.rows.size > LIMIT) this.rows.delete(this.rows.keys().next().value);
  }

  crossedThreshold(crossing) {
    if (this.crossings.some((known) => known.id === crossing.id)) return;
    this.changes += 1;
    this.crossed += Number(this.counting);
    this.crossings.unshift(crossing);
    this.crossings.length = Math.min(this.crossings.length, CROSSINGS);
    const row = this.rows.get(`${crossing.contactId}\n${crossing.profileId}`);
    if (row && concerns(crossing, { contactId: row.contact, profileId: row.profile, version: row.version })) {
      row.crossing = crossing;
      row.stamp += 1;
    }
  }

  erased({ contactId }) {
    this.changes += 1;
    for (const [name, row] of this.rows) if (row.contact === contactId) this.rows.delete(name);
    this.crossings = this.crossings.filter((crossing) => crossing.contactId !== contactId);
  }

  // Called once a second.
  tick() {
    this.rates.push(this.second);
    if (this.rates.length > SECONDS) this.rates.shift();
    this.second = 0;
  }

  // A snapshot follows: what was erased meanwhile must not stay.
  expectSnapshot() {
    this.counting = false;
    this.changes += 1;
    this.rows.clear();
    this.crossings = [];
  }

  get rate() {
    const last = this.rates.slice(-3);
    return last.reduce((sum, rate) => sum + rate, 0) / last.length;
  }

  newestFirst(find) {
    const wanted = find.trim().toLowerCase();
    return [...this.rows.values()].reverse().filter((row) => row.contact.toLowerCase().includes(wanted));
  }
}

// Scores and crossings come from two topics, so either may come first.
function concerns(crossing, change) {
  return ["contactId", "profileId", "version"].every((field) => crossing[field] === change[field]);
}

function reason(change) {
  if (change.awards.length === 0) return change.cause.kind;
  const [first, ...others] = change.awards.map((award) => award.ruleName ?? award.reason);
  return others.length ? `${first} and ${others.length === 1 ? others[0] : `${others.length} more`}` : first;
}
