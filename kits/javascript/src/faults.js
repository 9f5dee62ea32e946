// Faults: calls that are slow, refused or cut off.
'use strict';

const { fromAdmin, toAdmin } = require('./spelling.js');

class Faults {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async add(kind, options = {}) {
    const body = { kind, ...toAdmin(options) };
    return this.#read(await this.#connection.ask('POST', ['faults'], { body }));
  }

  async latency(seconds, options) {
    return this.add('latency', { seconds, ...options });
  }

  async error(error, options) {
    return this.add('error', { error, ...options });
  }

  async status(status, options) {
    return this.add('status', { status, ...options });
  }

  async drop(options) {
    return this.add('drop', options);
  }

  async truncate(options) {
    return this.add('truncate', options);
  }

  async databaseBusy(options) {
    return this.add('database_busy', options);
  }

  async rate(limit, window, options) {
    return this.add('rate', { limit, window, ...options });
  }

  async list() {
    const { faults } = await this.#connection.ask('GET', ['faults']);
    return faults.map((row) => this.#read(row));
  }

  async clear() {
    await this.#connection.ask('DELETE', ['faults']);
  }

  #read(row) {
    const end = async () => {
      await this.#connection.ask('DELETE', ['faults', row.id]);
    };
    return { ...fromAdmin(row), end };
  }
}

module.exports = { Faults };
