// Projects of users, as `npm install` leaves them: the kit and the runners are links.
'use strict';

const { spawn } = require('node:child_process');
const { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const KIT = path.join(__dirname, '..');
const RUNNERS = ['@jest', '@types', 'jest', 'jest-environment-node', 'vitest'];

/** Make a project of *files* for a test, and return its directory. */
function makeProject(test, files) {
  const folder = mkdtempSync(path.join(tmpdir(), 'project-'));
  // What has been killed may still be writing a last file.
  test.after(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(KIT, path.join(folder, 'node_modules', 'skylogin'));
  for (const name of RUNNERS) {
    symlinkSync(path.join(KIT, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) {
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/** Start Node in *folder*, without what this runner tells its own processes. */
function startNode(folder, args, environment = {}) {
  const { NODE_TEST_CONTEXT, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: '1', CI: 'true', ...environment };
  return spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Run Node in *folder* to its end, and return the exit code and what it printed. */
async function runNode(folder, args, environment) {
  const child = startNode(folder, args, environment);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, text: Buffer.concat(chunks).toString() };
}

module.exports = { KIT, makeProject, runNode, startNode };
