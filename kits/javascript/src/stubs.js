// Answers to actions that skylogin does not emulate, such as cloud functions.
'use strict';

const { fromAdmin, toAdmin } = require('./spelling.js');

class Stubs {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  async answer(action, result = null, options = {}) {
    return this.#add({ action, result, ...toAdmin(options) });
  }

  async fail(action, error, options = {}) {
    return this.#add({ action, error, ...toAdmin(options) });
  }

  async list() {
    const { stubs } = await this.#connection.ask('GET', ['stubs']);
    return stubs.map((row) => this.#read(row));
  }

  async clear() {
    await this.#connection.ask('DELETE', ['stubs']);
  }

  async #add(body) {
    return this.#read(await this.#connection.ask('POST', ['stubs'], { body }));
  }

  #read(row) {
    const remove = async () => {
      await this.#connection.ask('DELETE', ['stubs', row.id]);
    };
    return { ...fromAdmin(row), remove };
  }
}

module.exports = { Stubs };
