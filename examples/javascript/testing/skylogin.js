// A skylogin for integration tests: the one that `skylogin exec -- npm test` started,
// or else one of this process's own. Copy this file into your project.
//
// Every test file has an app to itself (`/apps/NAME/`), so files may run side by
// side: users, clock and journal of one are not seen by another.
'use strict';

const { spawn } = require('node:child_process');
const { existsSync, mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');

const START_SECONDS_MAX = 30;
const PAUSE_MS = 20;

class Skylogin {
  #adminURL;
  #masterKey;
  #stop;

  /** Start skylogin, or take the one that is there; *app* is lower-case letters, digits and dashes. */
  static async start({ app }) {
    const { SKYGEAR_ENDPOINT, SKYGEAR_API_KEY, SKYGEAR_MASTER_KEY, CUSTOM_TOKEN_SECRET } = process.env;
    if (!SKYGEAR_ENDPOINT) {
      return new Skylogin(app, await startServer());
    }
    return new Skylogin(app, {
      url: SKYGEAR_ENDPOINT,
      api_key: SKYGEAR_API_KEY,
      master_key: SKYGEAR_MASTER_KEY,
      custom_token_secret: CUSTOM_TOKEN_SECRET,
      stop: async () => {},
    });
  }

  constructor(app, running) {
    this.endPoint = `${running.url}apps/${app}/`;
    this.apiKey = running.api_key;
    this.secret = running.custom_token_secret;
    this.#masterKey = running.master_key;
    this.#adminURL = `${running.url}_admin/v1/apps/${app}/`;
    this.#stop = running.stop;
    this.clock = {
      /** Return what time it is for this app. */
      now: async () => new Date((await this.admin('GET', 'clock')).now),
      /** Move it by *seconds*: backwards with a minus. */
      advance: (seconds) => this.admin('POST', 'clock/advance', { seconds }),
      /** Let it stand still, at the Date *at* or where it is. */
      freeze: (at) => this.admin('PUT', 'clock', { frozen: true, ...(at && { now: at.toISOString() }) }),
      /** Let it go on, from where it stands. */
      unfreeze: () => this.admin('PUT', 'clock', { frozen: false }),
    };
  }

  /** Return a custom token of *subject*, good by the app's clock unless it is to be *bad*. */
  async mint(subject, { profile, expiresIn, claims, bad } = {}) {
    const wanted = { sub: subject, skyprofile: profile, expires_in: expiresIn, claims, bad };
    return (await this.admin('POST', 'tokens', wanted)).token;
  }

  /** Log in with a custom token of *subject* and return what Skygear answers: user_id, profile, access_token. */
  async logIn(subject, options) {
    const token = await this.mint(subject, options);
    return (await this.call('sso:custom_token:login', { token })).result;
  }

  /** Carry out an action; a refusal is an Error with Skygear's name and code. */
  async call(action, payload) {
    const response = await fetch(this.endPoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ action, api_key: this.apiKey, ...payload }),
    });
    const body = await response.json();
    if (body.error) {
      throw Object.assign(new Error(body.error.message), body.error);
    }
    return body;
  }

  /** Wait until an attempt to log in is in the journal; the filters are subject, reason and accepted. */
  async waitForLogin(filters, { timeoutSeconds = 10 } = {}) {
    const query = new URLSearchParams({ ...filters, limit: 1 });
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const { attempts } = await this.admin('GET', `logins?${query}`);
      if (attempts.length) {
        return attempts[0];
      }
      if (Date.now() > deadline) {
        throw new Error(`no login with ${query} within ${timeoutSeconds} s`);
      }
      await pause(PAUSE_MS);
    }
  }

  /** Forget the users, the journal and the moved clock of this app. */
  async reset() {
    await this.admin('POST', 'reset');
  }

  /** Stop the server, if this process started it. */
  async stop() {
    await this.#stop();
  }

  /** Ask the admin API for what this file has no name for; see /_admin/v1/openapi.json. */
  async admin(method, path, body) {
    const response = await fetch(this.#adminURL + path, {
      method,
      headers: { Authorization: `Bearer ${this.#masterKey}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return text ? JSON.parse(text) : undefined;
  }
}

/** Start `skylogin dev` on any free port, and return its ready line with a way to stop it. */
async function startServer() {
  // A folder of its own: no .env and no database of the project is looked at.
  const folder = mkdtempSync(join(tmpdir(), 'skylogin-'));
  const readyFile = join(folder, 'ready.json');
  const options = ['dev', '--port', '0', '--ephemeral', '--ready-file', readyFile];
  const child = spawn('skylogin', options, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  // A test that forgets to stop it waits for nothing, and leaves nothing behind.
  child.unref();
  const leave = () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', leave);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`it ended with ${code ?? signal}`));
  });
  const stop = async () => {
    child.ref();
    leave();
    await ended;
    process.removeListener('exit', leave);
  };
  try {
    return { ...(await readWhenThere(readyFile, ended)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readWhenThere(path, ended) {
  let problem;
  ended.then((how) => {
    problem = how;
  });
  const deadline = Date.now() + START_SECONDS_MAX * 1000;
  while (!existsSync(path)) {
    if (problem || Date.now() > deadline) {
      throw new Error(`skylogin did not start: ${problem || 'it took too long'}`);
    }
    await pause(PAUSE_MS);
  }
  // Once it is there it is whole.
  return JSON.parse(readFileSync(path));
}

module.exports = { Skylogin };
