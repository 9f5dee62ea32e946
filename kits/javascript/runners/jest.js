// An app for a test file of Jest.
'use strict';

const { afterAll, beforeAll, beforeEach } = require('@jest/globals');

const { appOfFile, attemptsOf } = require('../src/app_of_file.js');

// Jest's own limit is shorter than the first start by uvx.
const START_MS_MAX = 120_000;
// jest-environment.js reads the login attempts here.
const ATTEMPTS = Symbol.for('skylogin.attempts');

/** Give this test file an app. With skylogin/jest-environment, a failed test shows its login attempts. */
function useSkylogin(options) {
  const before = (start) => beforeAll(start, START_MS_MAX);
  const app = appOfFile({ before, beforeEach, after: afterAll }, options);
  globalThis[ATTEMPTS] = [...(globalThis[ATTEMPTS] ?? []), () => attemptsOf(app)];
  return app;
}

module.exports = { useSkylogin };
