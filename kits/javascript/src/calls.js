// The calls that the clients of an app made.
'use strict';

const { fromAdmin } = require('./spelling.js');

// The longest time for which one request waits at the server.
const WAIT_SECONDS_MAX = 5;
const TIMES = ['at'];

class Calls {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async all(action) {
    const { calls } = await this.#connection.ask('GET', ['calls'], { query: { action } });
    return calls.map((row) => fromAdmin(row, TIMES));
  }

  async unmatched() {
    return (await this.all()).filter((call) => call.reason === 'not_emulated');
  }

  async waitFor(action, { arguments: wanted, timeoutSeconds = 5 } = {}) {
    for (let left = timeoutSeconds; ; left -= WAIT_SECONDS_MAX) {
      const body = { action, arguments: wanted, timeout: Math.min(left, WAIT_SECONDS_MAX) };
      const { call, explanation } = await this.#connection.ask('POST', ['calls', 'wait'], { body });
      if (call) {
        return fromAdmin(call, TIMES);
      }
      if (left <= WAIT_SECONDS_MAX) {
        throw new Error(`in ${timeoutSeconds} s: ${explanation}`);
      }
    }
  }

  async clear() {
    await this.#connection.ask('DELETE', ['calls']);
  }
}

module.exports = { Calls };
