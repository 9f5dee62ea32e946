// The mails and codes that an app would have sent to its users.
'use strict';

// Taken now: a test may replace the timers.
const { setTimeout: pause } = require('node:timers/promises');

const { fromAdmin } = require('./spelling.js');

const POLL_MS = 20;
const TIMES = ['at', 'expires_at'];

class Outbox {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async all() {
    const { mails } = await this.#connection.ask('GET', ['outbox']);
    return mails.map((row) => fromAdmin(row, TIMES));
  }

  async waitFor({ to } = {}, { timeoutSeconds = 5 } = {}) {
    for (let left = timeoutSeconds * 1000; ; left -= POLL_MS) {
      const mails = await this.all();
      const found = mails.filter((mail) => to === undefined || mail.to === to).at(-1);
      if (found) {
        return found;
      }
      if (left <= 0) {
        const others = mails.map((mail) => mail.to).join(', ') || 'nobody';
        throw new Error(`no mail to ${to ?? 'anybody'} in ${timeoutSeconds} s; to ${others}`);
      }
      await pause(POLL_MS);
    }
  }

  async clear() {
    await this.#connection.ask('DELETE', ['outbox']);
  }
}

module.exports = { Outbox };
