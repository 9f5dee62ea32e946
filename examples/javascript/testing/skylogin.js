// A skylogin server for integration tests: the one of `skylogin exec -- npm test`, or else
// one that this process starts. Copy this file into your project.
//
// Each test file uses its own app (`/apps/NAME/`), so files can run in parallel: they do
// not share users, clock or login log.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');
const { setTimeout: pause } = require('node:timers/promises');

const START_SECONDS_MAX = 30;
const PAUSE_MS = 20;

class Skylogin {
  #adminURL;
  #masterKey;
  #stop;

  /** Start a server, or use the one of `skylogin exec`. *app* has lower-case letters, digits and dashes. */
  static async start({ app }) {
    const { SKYGEAR_ENDPOINT, SKYGEAR_API_KEY, SKYGEAR_MASTER_KEY, CUSTOM_TOKEN_SECRET } = process.env;
    // Without SKYLOGIN_APP, the others are about the project's own Skygear server.
    if (!process.env.SKYLOGIN_APP) {
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
      /** Return the app's time. */
      now: async () => new Date((await this.admin('GET', 'clock')).now),
      /** Advance the clock by *seconds*; a negative number moves it back. */
      advance: (seconds) => this.admin('POST', 'clock/advance', { seconds }),
      /** Stop the clock, at the Date *at* or at the current time. */
      freeze: (at) => this.admin('PUT', 'clock', { frozen: true, ...(at && { now: at.toISOString() }) }),
      /** Let the clock continue from the time it shows. */
      unfreeze: () => this.admin('PUT', 'clock', { frozen: false }),
    };
  }

  /** Return a custom token for *subject*, valid by the app's clock unless *bad* names a kind of bad token. */
  async mint(subject, { profile, expiresIn, claims, bad } = {}) {
    const body = { sub: subject, skyprofile: profile, expires_in: expiresIn, claims, bad };
    return (await this.admin('POST', 'tokens', body)).token;
  }

  /** Log in with a custom token for *subject* and return Skygear's answer: user_id, profile, access_token. */
  async logIn(subject, options) {
    const token = await this.mint(subject, options);
    return (await this.call('sso:custom_token:login', { token })).result;
  }

  /** Call an action. A refused call throws an Error with Skygear's name and code. */
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

  /** Wait until a login attempt is in the login log. The filters are subject, reason and accepted. */
  async waitForLogin(filters, { timeoutSeconds = 10 } = {}) {
    const query = new URLSearchParams({ ...filters, limit: 1 });
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const { attempts } = await this.admin('GET', `logins?${query}`);
      if (attempts.length) {
        return attempts[0];
      }
      if (Date.now() > deadline) {
        throw new Error(`no login attempt with ${query} in ${timeoutSeconds} s`);
      }
      await pause(PAUSE_MS);
    }
  }

  /** Reset the users, login log and clock of this app. */
  async reset() {
    await this.admin('POST', 'reset');
  }

  /** Stop the server if this process started it. */
  async stop() {
    await this.#stop();
  }

  /** Ask the admin API for anything else; see /_admin/v1/openapi.json. */
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

/** Start `skylogin dev` on a free port, and return its ready line and a function that stops it. */
async function startServer() {
  // It ends with this process, however that ends: its standard input closes then.
  // Isolated, it takes nothing from the project's environment but SKYLOGIN_ variables.
  const options = ['dev', '--isolated', '--port', '0', '--exit-with-parent'];
  const child = spawn('skylogin', options, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`it exited with ${code ?? signal}`));
  });
  const stop = async () => {
    child.ref();
    child.stdin.destroy();
    await ended;
  };
  try {
    const ready = JSON.parse(await readLine(child.stdout, ended));
    // A test that forgets to stop the server still ends.
    child.unref();
    child.stdin.unref();
    return { ...ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Return the first line of *stream*, which is closed then. */
async function readLine(stream, ended) {
  const tooLate = pause(START_SECONDS_MAX * 1000, 'it took too long', { ref: false });
  const line = once(createInterface(stream), 'line').then(([text]) => ({ text }));
  const first = await Promise.race([line, ended, tooLate]);
  stream.destroy();
  if (!first.text) {
    throw new Error(`skylogin did not start: ${first}`);
  }
  return first.text;
}

module.exports = { Skylogin };
