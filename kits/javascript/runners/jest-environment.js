// A Jest environment that adds the login attempts of a failed test to its report.
// It is `jest-environment-node`, or the one named in testEnvironmentOptions.skyloginEnvironment.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');

const ATTEMPTS = Symbol.for('skylogin.attempts');

function SkyloginEnvironment(config, context) {
  const { rootDir, testEnvironmentOptions } = config.projectConfig;
  const name = testEnvironmentOptions.skyloginEnvironment ?? 'jest-environment-node';
  // Resolved from the project, which has Jest installed.
  const found = createRequire(path.join(rootDir, 'package.json'))(name);
  const Environment = withAttempts(found.TestEnvironment ?? found.default ?? found);
  return new Environment(config, context);
}

function withAttempts(Environment) {
  return class extends Environment {
    async handleTestEvent(event, state) {
      await super.handleTestEvent?.(event, state);
      if (event.name === 'test_done' && event.test.errors.length) {
        for (const describe of this.global[ATTEMPTS] ?? []) {
          event.test.errors.push(withoutStack(await describe()));
        }
      }
    }
  };
}

function withoutStack(text) {
  return Object.assign(new Error(text), { stack: text });
}

module.exports = SkyloginEnvironment;
