// A server for tests: one that is running already, or one that this process starts.
'use strict';

const { randomBytes } = require('node:crypto');

const { SkyloginApp } = require('./app.js');
const { Connection } = require('./connection.js');
const { launch } = require('./launch.js');
const { exceptionsFor } = require('./proxies.js');

// The defaults of `skylogin dev`.
const DEFAULT_MASTER_KEY = 'secret';

/**
 * Use the first of these servers:
 *
 * 1. the one at `url`,
 * 2. a new one, if there are `settings`,
 * 3. the one at SKYLOGIN_URL,
 * 4. the one of `skylogin exec`,
 * 5. a new one, by `skylogin` on the PATH, else by `uvx`, else by `pipx run`.
 */
async function startSkylogin({ url, adminToken, settings = {} } = {}) {
  const environment = process.env;
  const running =
    runningServer(url, adminToken, settings, environment) ?? (await newServer(settings, environment));
  const server = new SkyloginServer(running);
  // For the code under test.
  setVariables(exceptionsFor(server.url, environment));
  return server;
}

async function newServer(settings, environment) {
  const { url, master_key: masterKey, stop } = await launch(settings, environment);
  const token = settings.SKYLOGIN_ADMIN_TOKEN || environment.SKYLOGIN_ADMIN_TOKEN || masterKey;
  return { url, adminToken: token, stop };
}

function runningServer(url, adminToken, settings, environment) {
  const { SKYLOGIN_URL, SKYLOGIN_ADMIN_TOKEN, SKYLOGIN_APP, SKYGEAR_ENDPOINT, SKYGEAR_MASTER_KEY } = environment;
  const token = adminToken || SKYLOGIN_ADMIN_TOKEN;
  if (url) {
    return { url, adminToken: token || DEFAULT_MASTER_KEY };
  }
  if (Object.keys(settings).length) {
    return undefined;
  }
  if (SKYLOGIN_URL) {
    return { url: SKYLOGIN_URL, adminToken: token || DEFAULT_MASTER_KEY };
  }
  // Without SKYLOGIN_APP, the SKYGEAR_ variables are about the project's own Skygear server.
  if (SKYLOGIN_APP && SKYGEAR_ENDPOINT) {
    return { url: SKYGEAR_ENDPOINT, adminToken: token || SKYGEAR_MASTER_KEY };
  }
  return undefined;
}

class SkyloginServer {
  #stop;

  constructor({ url, adminToken, stop = async () => {} }) {
    this.url = readUrl(url);
    // Not shown by console.log().
    Object.defineProperty(this, 'adminToken', { value: adminToken });
    this.#stop = stop;
  }

  async app(name = uniqueName()) {
    const app = new SkyloginApp(new Connection(name, () => this));
    await app.ready();
    return app;
  }

  async close() {
    await this.#stop();
  }
}

/** Return the URL of a server with a slash at its end, or throw a TypeError. */
function readUrl(url) {
  if (!/^https?:\/\/[^/\s]+(\/\S*)?$/.test(url)) {
    throw new TypeError(`${url} is not the URL of a server, such as http://127.0.0.1:3000`);
  }
  if (/\/apps\/[^/]+\/?$/.test(url)) {
    throw new TypeError(`${url} is the URL of an app: give the one of its server`);
  }
  return url.endsWith('/') ? url : `${url}/`;
}

/** Start a server for this process and its later child processes. Returns a function that stops it. */
async function shareSkylogin(options) {
  const server = await startSkylogin(options);
  const { SKYLOGIN_URL, SKYLOGIN_ADMIN_TOKEN } = process.env;
  setVariables({ SKYLOGIN_URL: server.url, SKYLOGIN_ADMIN_TOKEN: server.adminToken });
  return async () => {
    setVariables({ SKYLOGIN_URL, SKYLOGIN_ADMIN_TOKEN });
    await server.close();
  };
}

function setVariables(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) {
      delete process.env[name];
    } else {
      process.env[name] = value;
    }
  }
}

/** Return a name for an app that no other test file, worker or run uses. */
function uniqueName() {
  return `test-${randomBytes(6).toString('hex')}`;
}

module.exports = { SkyloginServer, shareSkylogin, startSkylogin, uniqueName };
