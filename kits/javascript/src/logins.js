// The login log of an app.
'use strict';

const { fromAdmin, toAdmin, visible } = require('./spelling.js');

// How long the server waits. The kit needs no clock for that, which a test may have stopped.
const WAIT_SECONDS = 0.2;
const TIMES = ['at'];

class Logins {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async all(filters = {}) {
    const rows = await this.#connection.rows('logins', 'attempts', toAdmin(filters));
    return rows.reverse().map(read);
  }

  async accepted() {
    return this.all({ accepted: true });
  }

  async refused() {
    return this.all({ accepted: false });
  }

  async last() {
    return (await this.all()).at(-1);
  }

  async waitFor(filters = {}, { timeoutSeconds = 5 } = {}) {
    const rounds = Math.ceil(timeoutSeconds / WAIT_SECONDS);
    for (let round = 0; round < rounds; round += 1) {
      const [found] = await this.all(filters);
      if (found) {
        return found;
      }
      const query = { ...toAdmin(filters), timeout: WAIT_SECONDS };
      await this.#connection.ask('GET', ['logins', 'wait'], { query });
    }
    const [found] = await this.all(filters);
    if (!found) {
      throw await this.#missing(filters, timeoutSeconds);
    }
    return found;
  }

  async #missing(filters, timeoutSeconds) {
    const wanted = Object.entries(filters).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    const what = ['no login attempt', ...(wanted.length ? [`with ${wanted.join(', ')}`] : [])].join(' ');
    return new Error(`${what} in ${timeoutSeconds} s; there were:\n${await this.describe()}`);
  }

  async describe() {
    const attempts = await this.all();
    return attempts.length ? attempts.map(String).join('\n') : 'none';
  }
}

function read(row) {
  const attempt = { ...fromAdmin(row, TIMES), profile: row.claims.skyprofile };
  // Not enumerable, so that comparisons of attempts ignore it.
  return Object.defineProperty(attempt, 'toString', { value: () => inOneLine(row) });
}

/** Return an attempt as one line, as `skylogin logins` and pytest's fixture do. */
function inOneLine({ at, subject, accepted, reason, explanation }) {
  const time = at.replace('T', ' ').replace('Z', '');
  const outcome = accepted ? 'accepted' : `refused ${reason}`;
  return visible(`${time}  ${subject || '-'}  ${outcome}: ${explanation}`);
}

module.exports = { Logins };
