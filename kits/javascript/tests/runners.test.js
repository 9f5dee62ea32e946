// Vitest, Jest and node:test, really run: a test that passes, and one that fails and says why.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { makeProject, runNode } = require('./projects.js');

const ATTEMPTS = /skylogin: login attempts of this test\n\s*.* {2}bob {2}refused expired: expired 3600 s ago: /;

// What a test may do to fetch and to the timers does not reach the kit.
const TESTS = (fakeTimers) => `
test('passes', async () => {
  ${fakeTimers}
  globalThis.fetch = () => { throw new Error('no fetch here'); };
  console.log('app ' + skylogin.url);
  await skylogin.login('alice');
  await skylogin.login('carol', { bad: 'unsigned' }).catch(() => {});
  await skylogin.logins.waitFor({ subject: 'carol' });
});
test('fails', async () => {
  await skylogin.login('bob', { bad: 'expired' });
});
`;

// What the file of the project and a seed have for every test.
const PROJECT = 'users: [{sub: dave}]\nstubs: [{action: hello:world, result: hi}]\n';
const MORE = 'users:\n  - sub: erin\n';
const SEEDED = `
test('has what the project has', async () => {
  if ((await skylogin.call('hello:world')) !== 'hi') throw new Error('no stub');
  console.log('users ' + (await skylogin.users.list()).map((user) => user.sub).sort());
});
`;

const JEST = `const skylogin = require('skylogin/jest').useSkylogin();${TESTS('jest.useFakeTimers();')}`;
const VITEST = `
import { test, vi } from 'vitest';
import { useSkylogin } from 'skylogin/vitest';
const skylogin = useSkylogin();${TESTS('vi.useFakeTimers();')}`;
const NODE_TEST = `
import { test } from 'node:test';
import { useSkylogin } from 'skylogin/node-test';
const skylogin = useSkylogin({ seed: 'more.yaml' });${SEEDED}${TESTS('')}`;

const VITEST_RUN = ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout', '60000'];
const JEST_RUN = ['node_modules/jest/bin/jest.js', '--testTimeout', '60000'];

describe('a run', { concurrency: true }, () => {
  test('of Jest has one server', async (t) => {
    const folder = makeProject(t, {
      'jest.config.js': "module.exports = { preset: 'skylogin' };",
      'one.test.js': JEST,
      'two.test.js': JEST,
    });
    checkRun(await runNode(folder, JEST_RUN), { files: 2, servers: 1 });
  });

  test('of Vitest has one server', async (t) => {
    const folder = makeProject(t, {
      'vitest.config.mjs': "export default { test: { globalSetup: 'skylogin/global-setup' } };",
      'one.test.js': VITEST,
      'two.test.js': VITEST,
    });
    checkRun(await runNode(folder, VITEST_RUN), { files: 2, servers: 1 });
  });

  test('of node:test has a server for each file', async (t) => {
    const folder = makeProject(t, { 'one.test.mjs': NODE_TEST, 'skylogin.yaml': PROJECT, 'more.yaml': MORE });
    const run = await runNode(folder, ['--test', '--test-reporter', 'spec']);
    checkRun(withoutMarks(run), { files: 1, servers: 1 });
    assert.match(run.text, /users dave,erin$/m);
  });
});

/** Check that in each file one test failed and told its attempts, and that each had its own app. */
function checkRun({ code, text }, { files, servers }) {
  assert.equal(code, 1, text);
  assert.match(text, ATTEMPTS);
  assert.equal(text.match(new RegExp(ATTEMPTS, 'g')).length, files, text);
  assert.doesNotMatch(text, / {2}carol {2}/);
  const apps = [...text.matchAll(/app (http:\S+?)\/apps\/(\S+)\//g)];
  assert.equal(new Set(apps.map(([, , name]) => name)).size, files, text);
  assert.equal(new Set(apps.map(([, url]) => url)).size, servers, text);
}

/** Return a run without what the reporter puts before each line of a diagnostic. */
function withoutMarks({ code, text }) {
  return { code, text: text.replace(/^\s*ℹ /gm, '') };
}
