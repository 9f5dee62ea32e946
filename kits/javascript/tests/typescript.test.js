// A project in TypeScript: tsc accepts it with the kit's types, and it does what they say.
'use strict';

const assert = require('node:assert/strict');
const { cpSync, existsSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { KIT, makeProject, runNode } = require('./projects.js');

test('a project in TypeScript compiles and runs', async (t) => {
  const folder = makeProject(t, {});
  cpSync(path.join(__dirname, 'typescript'), folder, { recursive: true });

  const compiled = await runNode(folder, [path.join(KIT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.']);
  assert.equal(compiled.code, 0, compiled.text);

  const { code, text } = await runNode(folder, ['--test', 'login.test.js']);
  assert.equal(code, 0, text);
  assert.match(text, /^. pass 1\d$/m);
});

test('the types of each part are found without exports too', () => {
  // As by "moduleResolution": "node", which TypeScript had until version 6.
  const { exports, typesVersions } = require(path.join(KIT, 'package.json'));
  const typed = ['./node-test', './vitest', './jest'];
  const found = Object.entries(typesVersions['*']).map(([part, [types]]) => [`./${part}`, types]);
  assert.deepEqual(found.map(([part]) => part), typed);
  for (const [part, types] of found) {
    assert.equal(types, exports[part].replace(/(?=m?js$)/, 'd.').replace(/js$/, 'ts'));
    assert.ok(existsSync(path.join(KIT, types)));
  }
});
