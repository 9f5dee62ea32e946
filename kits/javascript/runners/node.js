// An app for a file of `node --test`.
'use strict';

const { after, afterEach, before, beforeEach } = require('node:test');

const { appOfFile, attemptsOf } = require('../src/app_of_file.js');

/** Give this test file an app. A failed test shows its login attempts. */
function useSkylogin(options) {
  const app = appOfFile({ before, beforeEach, after }, options);
  afterEach(async (test) => {
    // Node 18 does not say whether the test has passed.
    if (test.passed === false) {
      const text = await attemptsOf(app);
      text.split('\n').forEach((line) => test.diagnostic(line));
    }
  });
  return app;
}

module.exports = { useSkylogin };
