// Nothing is left of a server whose test process is killed: no process, no directory.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { existsSync, mkdirSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { describe, test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');

const { makeProject, startNode } = require('./projects.js');

const READY = 'the server runs';
// Until its server is gone.
const LOOP = `async () => {
  await skylogin.login('alice');
  require('node:fs').writeFileSync('${READY}', '');
  for (;;) { await skylogin.login('alice'); }
}`;
const HANGING = {
  'hanging.js': `require('skylogin').startSkylogin().then(() => console.log('${READY}')); setInterval(() => {}, 1000);`,
  'worker.js': `
require('skylogin').startSkylogin().then((server) => {
  console.log('${READY}');
  setInterval(() => server.app('any').catch(() => process.exit()), 100);
});`,
  'runner.js': "require('node:child_process').fork('./worker.js');",
  'node.test.js': `
const skylogin = require('skylogin/node-test').useSkylogin();
require('node:test').test('hangs', async () => {
  await skylogin.login('alice');
  require('node:fs').writeFileSync('${READY}', '');
  await new Promise(() => setInterval(() => {}, 1000));
});`,
  // With a promise alone, Node would have nothing to wait for and end by itself.
  'hanging.mjs': `
import setUp from 'skylogin/global-setup';
export default async () => {
  await setUp();
  console.log('${READY}');
  await new Promise(() => setInterval(() => {}, 1000));
};`,
  'vitest.config.mjs': "export default { test: { globalSetup: './hanging.mjs', include: ['none.js'] } };",
  'none.js': '',
  'jest.config.js': "module.exports = { globalSetup: './hanging.mjs', testMatch: ['**/none.js'] };",
  'loop.test.js': `
const skylogin = require('skylogin/node-test').useSkylogin();
require('node:test').test('logs in', ${LOOP});`,
  'loop.jest.js': `
const skylogin = require('skylogin/jest').useSkylogin();
test('logs in', ${LOOP}, 60_000);`,
  // Jest has workers for more than one file.
  'workers.config.js': "module.exports = { testMatch: ['**/loop.jest.js', '**/none.js'], maxWorkers: 2 };",
};
const COMMANDS = {
  node: ['hanging.js'],
  'a runner': ['runner.js'],
  'node:test': ['node.test.js'],
  Vitest: ['node_modules/vitest/vitest.mjs', 'run'],
  Jest: ['node_modules/jest/bin/jest.js'],
  'node --test': ['--test', 'loop.test.js'],
  'Jest with workers': ['node_modules/jest/bin/jest.js', '--config', 'workers.config.js'],
};
const ROWS = [
  ['node', 'SIGTERM'],
  ['node', 'SIGINT'],
  ['a runner', 'SIGKILL'],
  ['node:test', 'SIGKILL'],
  ['Vitest', 'SIGKILL'],
  ['Jest', 'SIGKILL'],
  ['node --test', 'SIGKILL'],
  ['Jest with workers', 'SIGKILL'],
];

describe('nothing is left', { concurrency: 3, skip: process.platform !== 'linux' }, () => {
  for (const [name, signal] of ROWS) {
    test(`of ${name} after ${signal}`, { timeout: 120_000 }, async (t) => {
      const folder = makeProject(t, HANGING);
      const temporary = path.join(folder, 'tmp');
      mkdirSync(temporary);
      const child = startNode(folder, COMMANDS[name], { TMPDIR: temporary });
      const ended = once(child, 'exit');
      await waitUntilReady(child, path.join(folder, READY));
      assert.notEqual(foldersIn(temporary).length, 0);

      child.kill(signal);

      assert.equal((await ended)[1], signal);
      while (processesWith(temporary).length || foldersIn(temporary).length) {
        await pause(20);
      }
    });
  }
});

/** Wait until *child* has said that the server runs, or has made *file*: Jest holds back what workers say. */
async function waitUntilReady(child, file) {
  let said = false;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => (said ||= line.includes(READY)));
  }
  while (!said && !existsSync(file)) {
    await pause(20);
  }
}

function foldersIn(temporary) {
  return readdirSync(temporary).filter((name) => name.startsWith('skylogin-'));
}

/** Return the ids of the processes whose TMPDIR is *temporary*. */
function processesWith(temporary) {
  return readdirSync('/proc').filter((id) => {
    try {
      return readFileSync(`/proc/${id}/environ`, 'utf8').split('\0').includes(`TMPDIR=${temporary}`);
    } catch {
      // It is no process, or has ended, or is somebody else's.
      return false;
    }
  });
}
