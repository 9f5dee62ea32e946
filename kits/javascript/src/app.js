// One app of a server, as a test sees it.
'use strict';

const { readFileSync } = require('node:fs');

const { Calls } = require('./calls.js');
const { Clock } = require('./clock.js');
const { CallRefusedError, LoginRefusedError } = require('./errors.js');
const { Faults } = require('./faults.js');
const { send } = require('./http.js');
const { Logins } = require('./logins.js');
const { Outbox } = require('./outbox.js');
const { toAdmin } = require('./spelling.js');
const { Stubs } = require('./stubs.js');
const { Users, profileOf } = require('./users.js');

const LOGIN = 'sso:custom_token:login';

class SkyloginApp {
  #connection;

  constructor(connection) {
    this.#connection = connection;
    this.users = new Users(connection);
    this.logins = new Logins(connection);
    this.clock = new Clock(connection);
    this.faults = new Faults(connection);
    this.stubs = new Stubs(connection);
    this.calls = new Calls(connection);
    this.outbox = new Outbox(connection);
  }

  get name() {
    return this.#connection.name;
  }

  get url() {
    const { server, facts } = this.#connection.opened;
    return server.url + facts.path.slice(1);
  }

  get portal() {
    return `${this.#connection.opened.server.url}portal/apps/${this.name}/`;
  }

  get apiKey() {
    return this.#connection.opened.facts.api_key;
  }

  get masterKey() {
    return this.#connection.opened.facts.master_key;
  }

  get secret() {
    return this.#connection.opened.secret;
  }

  async ready() {
    await this.#connection.ready();
  }

  async token(sub, { profile, ...options } = {}) {
    const body = { sub, skyprofile: profile, ...toAdmin(options) };
    return (await this.#connection.ask('POST', ['tokens'], { body })).token;
  }

  async login(sub, options) {
    return this.loginWith(await this.token(sub, options));
  }

  async loginWith(token) {
    await this.ready();
    const result = await this.#call(LOGIN, { token }, this.apiKey, LoginRefusedError);
    return {
      userId: result.user_id,
      accessToken: result.access_token,
      profile: profileOf(result.profile),
      record: result.profile,
      roles: result.roles ?? [],
      lastLoginAt: result.last_login_at ? new Date(result.last_login_at) : null,
      lastSeenAt: result.last_seen_at ? new Date(result.last_seen_at) : null,
    };
  }

  async call(action, payload = {}, { withMasterKey = false } = {}) {
    await this.ready();
    const key = withMasterKey ? this.masterKey : this.apiKey;
    return this.#call(action, payload, key, CallRefusedError);
  }

  async #call(action, payload, apiKey, Refused) {
    const body = { action, api_key: apiKey, ...payload };
    const answer = await send('POST', this.url, { body });
    if (answer.status !== 200) {
      throw new Refused(answer);
    }
    return JSON.parse(answer.text).result;
  }

  async reset({ project = false } = {}) {
    await this.#connection.ask('POST', ['reset'], { body: { project } });
  }

  async delete() {
    await this.#connection.ask('DELETE', []);
  }

  async seed(seed) {
    const body = typeof seed === 'string' ? { file: seed, text: readFileSync(seed, 'utf8') } : seed;
    await this.#connection.ask('POST', ['seed'], { body });
  }

  async export() {
    return this.#connection.ask('GET', ['seed']);
  }

  async snapshot(name) {
    await this.#connection.ask('POST', ['snapshots'], { body: { name } });
  }

  async restore(name) {
    await this.#connection.ask('POST', ['snapshots', name, 'restore']);
  }

  async forget(name) {
    await this.#connection.ask('DELETE', ['snapshots', name]);
  }

  async admin(method, path, body) {
    return this.#connection.ask(method, path.split('/'), { body });
  }
}

module.exports = { SkyloginApp };
