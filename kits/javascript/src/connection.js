// The connection to one app: its keys, and its part of the admin API.
'use strict';

const { AdminError } = require('./errors.js');
const { send } = require('./http.js');

const ADMIN = '_admin/v1/';
const PAGE_LIMIT = 200;

/** Ask the admin API of a server. Returns what it answers, undefined if that is empty. */
async function askAdmin(server, method, path, body) {
  const headers = { Authorization: `Bearer ${server.adminToken}` };
  const answer = await send(method, server.url + ADMIN + path, { headers, body });
  if (answer.status >= 300) {
    throw new AdminError(method, path, answer);
  }
  return answer.text ? JSON.parse(answer.text) : undefined;
}

/** An app by its name. Its keys are known once it is ready. */
class Connection {
  #findServer;
  #opening;
  #opened;

  /** *findServer* is called when the app is first needed. */
  constructor(name, findServer) {
    this.name = name;
    this.#findServer = findServer;
  }

  ready() {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open() {
    const server = await this.#findServer();
    // This creates an app that does not exist.
    await askAdmin(server, 'GET', this.#pathOf(['clock']));
    const facts = await askAdmin(server, 'GET', this.#pathOf([]));
    const { secrets } = await askAdmin(server, 'GET', this.#pathOf(['secrets']));
    const accepted = secrets.find((one) => one.accepted);
    const shown = accepted && (await askAdmin(server, 'GET', this.#pathOf(['secrets', accepted.id])));
    this.#opened = { server, facts, secret: shown?.secret };
  }

  /** The server, the app's keys and path, and its secret. */
  get opened() {
    if (!this.#opened) {
      throw new Error('skylogin is not ready yet: this is known in tests, or after `await skylogin.ready()`');
    }
    return this.#opened;
  }

  /** Ask about this app. The parts of the path may be any text. */
  async ask(method, parts, { query = {}, body } = {}) {
    await this.ready();
    const search = new URLSearchParams(withoutUndefined(query)).toString();
    const path = this.#pathOf(parts) + (search && `?${search}`);
    return askAdmin(this.opened.server, method, path, body);
  }

  #pathOf(parts) {
    return ['apps', this.name, ...parts].map(encodeURIComponent).join('/');
  }

  /** Return all rows of a list that comes in pages. */
  async rows(list, member, query = {}) {
    const rows = [];
    let cursor;
    do {
      const page = await this.ask('GET', [list], { query: { ...query, limit: PAGE_LIMIT, cursor } });
      rows.push(...page[member]);
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    return rows;
  }
}

function withoutUndefined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

module.exports = { Connection, askAdmin };
