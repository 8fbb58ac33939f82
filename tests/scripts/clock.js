/** Once all that was promised so far is kept; nothing here waits for anything outside. */
export const answered = () =>
  new Promise((done) => {
    setImmediate(done);
  });

/** An answer that comes when a test says so. */
export function later() {
  let comes;
  const answer = new Promise((done) => {
    comes = done;
  });
  return { answer, comes };
}

/** Time that passes when a test says so. */
export class Clock {
  #timers = new Map();
  #last = 0;

  constructor(now) {
    this.began = this.now = now;
  }

  start(work, wait, args, every) {
    this.#timers.set(++this.#last, { at: this.now + (wait || 0), work: () => work(...args), every });
    return this.#last;
  }

  stop(id) {
    this.#timers.delete(id);
  }

  async pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const [id, next] = [...this.#timers].sort(([a, one], [b, other]) => one.at - other.at || a - b)[0] ?? [];
      if (!next || next.at > end) break;
      this.now = next.at;
      if (next.every) next.at += next.every;
      else this.#timers.delete(id);
      next.work();
      await answered();
    }
    this.now = end;
    await answered();
  }
}
