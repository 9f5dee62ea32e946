// The app of a test file: created before its tests, emptied before each, deleted after them.
'use strict';

const { SkyloginApp } = require('./app.js');
const { Connection } = require('./connection.js');
const { startSkylogin, uniqueName } = require('./server.js');

const TITLE = 'skylogin: login attempts of this test';

// The server of this process, which test files without their own settings share, and how many do.
let shared;
let users = 0;

/** Return the app of the file that calls this. *hooks* are those of its test runner. */
function appOfFile(hooks, { app: name = uniqueName(), settings, seed } = {}) {
  let giveBack;
  const findServer = () => {
    const server = borrowServer(settings);
    giveBack = server.giveBack;
    return server.started;
  };
  const app = new SkyloginApp(new Connection(name, findServer));
  hooks.before(() => app.ready());
  hooks.beforeEach(async () => {
    await app.reset({ project: true });
    if (seed) {
      await app.seed(seed);
    }
  });
  hooks.after(async () => {
    if (giveBack) {
      // A test may have deleted the app, or the server may be gone.
      await app.delete().catch(() => {});
      await giveBack();
    }
  });
  return app;
}

/** Return a server that starts, and a function that stops it once its last user is done. */
function borrowServer(settings) {
  if (settings) {
    const started = startSkylogin({ settings });
    return { started, giveBack: () => close(started) };
  }
  shared ??= startSkylogin();
  users += 1;
  const started = shared;
  const giveBack = async () => {
    users -= 1;
    if (users === 0) {
      shared = undefined;
      await close(started);
    }
  };
  return { started, giveBack };
}

async function close(started) {
  // A server that did not start has already reported that.
  const server = await started.catch(() => undefined);
  await server?.close();
}

/** Return the login attempts of a test as text, or why they cannot be read. */
async function attemptsOf(app) {
  const text = await app.logins.describe().catch((error) => error.message);
  return `${TITLE}\n${text}`;
}

module.exports = { appOfFile, attemptsOf };
