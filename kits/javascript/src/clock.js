// The clock of an app. Each method returns the time that it then shows.
'use strict';

const { inUtc } = require('./spelling.js');

const SECONDS = { seconds: 1, minutes: 60, hours: 3600, days: 86400 };

class Clock {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async now() {
    return this.#ask('GET', ['clock']);
  }

  async freeze(at) {
    return this.#ask('PUT', ['clock'], { frozen: true, now: at && inUtc(at) });
  }

  async unfreeze() {
    return this.#ask('PUT', ['clock'], { frozen: false });
  }

  async set(at) {
    return this.#ask('PUT', ['clock'], { frozen: false, now: inUtc(at) });
  }

  async advance(by) {
    const parts = typeof by === 'number' ? { seconds: by } : by;
    const lengths = Object.entries(parts).map(([unit, number]) => {
      if (!(unit in SECONDS)) {
        throw new TypeError(`${unit} is none of ${Object.keys(SECONDS).join(', ')}`);
      }
      return number * SECONDS[unit];
    });
    const seconds = lengths.reduce((sum, length) => sum + length, 0);
    return this.#ask('POST', ['clock', 'advance'], { seconds });
  }

  async reset() {
    return this.#ask('DELETE', ['clock']);
  }

  async #ask(method, parts, body) {
    return new Date((await this.#connection.ask(method, parts, { body })).now);
  }
}

module.exports = { Clock };
