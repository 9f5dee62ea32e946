// The programs of the README do what it says. The first one is tried where the kit is installed.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { KIT, makeProject, runNode } = require('./projects.js');

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout', '60000'];
const JEST = ['node_modules/jest/bin/jest.js', '--testTimeout', '60000'];
// The last file of each section, how it is run, and what is said then.
const PROGRAMS = [
  { section: '## In a test file', args: ['--test'], said: /^. pass 4$/m },
  { section: '## With Vitest', args: VITEST, said: /Tests\s+1 passed/ },
  { section: '## With Jest', args: JEST, said: /Tests:\s+1 passed/ },
  { section: '## Which server it uses', args: ['start.mjs'], said: /\/apps\/shop\/ [0-9a-f-]{36}$/m },
];

const README = readFileSync(path.join(KIT, 'README.md'), 'utf8');

/** Return the programs in a section of the README, by the names in their first lines. */
function programsOf(section) {
  const text = `\n${README}`.split(`\n${section}\n`)[1].split('\n## ')[0];
  const found = text.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs);
  return Object.fromEntries([...found].map(([, name, program]) => [name, program]));
}

describe('the README', { concurrency: 2 }, () => {
  for (const { section, args, said } of PROGRAMS) {
    test(`has programs that run: ${section}`, async (t) => {
      const { code, text } = await runNode(makeProject(t, programsOf(section)), args);
      assert.equal(code, 0, text);
      assert.match(text, said);
    });
  }

  test('has no other programs', () => {
    const listed = PROGRAMS.flatMap(({ section }) => Object.keys(programsOf(section)));
    assert.deepEqual(README.match(/(?<=```js\n\/\/ )\S+/g).slice(1), listed);
  });
});
