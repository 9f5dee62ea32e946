// The users of an app, by the `sub` of their custom tokens.
'use strict';

const { fromAdmin, inUtc } = require('./spelling.js');

const LAST_LOGIN = 'last_login_at';
const TIMES = ['created_at', 'last_seen_at', 'disabled_until', 'signed_out_at'];

class Users {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async get(sub) {
    const query = { subject: sub };
    const { users } = await this.#connection.ask('GET', ['users'], { query });
    return users.length ? new User(users[0], this.#connection) : undefined;
  }

  async list() {
    const rows = await this.#connection.rows('users', 'users', { sort: 'created_at' });
    return rows.filter((row) => row.subject).map((row) => new User(row, this.#connection));
  }

  async add(sub, user = {}) {
    await this.#connection.ask('POST', ['seed'], { body: { users: [{ sub, ...user }] } });
    return this.get(sub);
  }
}

/** A user as they were when they were looked up. */
class User {
  #connection;

  constructor(row, connection) {
    const { subject, profile, ...others } = fromAdmin(row, TIMES);
    const record = profile ?? {};
    const lastLogin = record[LAST_LOGIN]?.$date;
    Object.assign(this, others, {
      sub: subject,
      record,
      profile: profileOf(record),
      lastLoginAt: lastLogin ? new Date(lastLogin) : null,
    });
    this.#connection = connection;
  }

  async disable({ message, until } = {}) {
    await this.#ask('POST', ['disable'], { message, until: until && inUtc(until) });
  }

  async enable() {
    await this.#ask('POST', ['enable']);
  }

  async setRoles(...roles) {
    await this.#ask('PUT', ['roles'], { roles });
  }

  async edit(profile) {
    await this.#ask('PATCH', [], { profile });
  }

  async signOut() {
    await this.#ask('POST', ['sign-out']);
  }

  async delete() {
    await this.#ask('DELETE', []);
  }

  async #ask(method, parts, body) {
    await this.#connection.ask(method, ['users', this.id, ...parts], { body });
  }
}

/** Return the application's fields of a user record. */
function profileOf(record) {
  return Object.fromEntries(
    Object.entries(record).filter(([name]) => !name.startsWith('_') && name !== LAST_LOGIN),
  );
}

module.exports = { Users, profileOf };
