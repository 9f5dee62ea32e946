// One server for a whole run of Vitest or Jest, or of `node --test --test-global-setup`.
'use strict';

const { shareSkylogin } = require('../src/server.js');

let stop;

/** Start the server. Returns a function that stops it, which Vitest calls. */
async function globalSetup() {
  stop = await shareSkylogin();
  return stop;
}

module.exports = globalSetup;
// The names under which Node calls them.
module.exports.globalSetup = globalSetup;
module.exports.globalTeardown = () => stop();
