// The programs of the README do what it says.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { KIT, makeProject, runNode } = require('./projects.js');

const VITEST = ['node_modules/vitest/vitest.mjs', 'run'];
const JEST = ['node_modules/jest/bin/jest.js'];
// The last file of each section, how it is run, and what is said then.
const PROGRAMS = [
  { section: '# skylogin for JavaScript', args: ['--test'], said: /^. pass 1$/m },
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
    assert.equal(README.split('```js\n').length - 1, listed.length);
  });
});
