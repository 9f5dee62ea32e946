// Which server is used, how one is started, and what is said where there is none.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');

const { SkyloginApp, startSkylogin } = require('../index.js');
const { exceptionsFor } = require('../src/proxies.js');
const { makeProject, runNode } = require('./projects.js');

const SKYLOGIN = execFileSync('sh', ['-c', 'command -v skylogin'], { encoding: 'utf8' }).trim();
const START = `
const { SkyloginApp, startSkylogin } = require('skylogin');
startSkylogin(JSON.parse(process.argv[2] || '{}')).then(async (server) => {
  console.log('server ' + server.url);
  const app = await server.app();
  await app.login('alice');
  await app.delete();
  await server.close();
}).catch((error) => {
  console.log(error.message);
  process.exitCode = 1;
});
`;

let running;
before(async () => {
  running = await startSkylogin();
});
after(() => running.close());

/** Run a program that starts a server, and return what it printed. */
async function start(t, environment, { options = {}, code = 0 } = {}) {
  const folder = makeProject(t, { 'start.js': START });
  const run = await runNode(folder, ['start.js', JSON.stringify(options)], environment);
  assert.equal(run.code, code, run.text);
  return run.text;
}

/** Return a PATH with *programs*, each of which notes its arguments and runs skylogin with the last of them. */
function pathWith(t, programs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'path-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, own] of Object.entries(programs)) {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\necho "$0 $*" >> ${folder}/log\nshift ${own}\nexec ${SKYLOGIN} "$@"\n`);
    chmodSync(file, 0o755);
  }
  return { PATH: folder, log: () => readFileSync(`${folder}/log`, 'utf8').replaceAll(`${folder}/`, '') };
}

const NONE = { SKYLOGIN_URL: '', SKYLOGIN_APP: '' };
const OPTIONS = 'dev --isolated --port 0 --exit-with-parent';

describe('a server', { concurrency: 2 }, () => {
  test('at SKYLOGIN_URL is used before others', async (t) => {
    const exec = { SKYLOGIN_APP: 'myapp', SKYGEAR_ENDPOINT: 'http://127.0.0.1:1/' };
    // With or without the slash at the end.
    const text = await start(t, { ...exec, SKYLOGIN_URL: running.url.slice(0, -1) });
    assert.equal(text, `server ${running.url}\n`);
  });

  test('that is named is used before all others', async (t) => {
    const options = { url: running.url, adminToken: running.adminToken };
    const text = await start(t, { SKYLOGIN_URL: 'http://127.0.0.1:1/' }, { options });
    assert.equal(text, `server ${running.url}\n`);
  });

  test('of skylogin exec is used', async (t) => {
    const exec = { SKYLOGIN_APP: 'myapp', SKYGEAR_ENDPOINT: running.url, SKYGEAR_MASTER_KEY: running.adminToken };
    const text = await start(t, { ...NONE, ...exec });
    assert.equal(text, `server ${running.url}\n`);
  });

  test('is started for settings', async (t) => {
    const options = { settings: { SKYLOGIN_AUDIENCE: 'shop' } };
    const text = await start(t, { SKYLOGIN_URL: running.url }, { options, code: 1 });
    assert.notEqual(text.split('\n')[0], `server ${running.url}`);
    assert.match(text, /\(audience_wrong: /);
  });

  test('is started by skylogin before others', async (t) => {
    const { PATH, log } = pathWith(t, { skylogin: 0, uvx: 3, pipx: 4 });
    // What is the project's own does not reach it.
    const theirs = { DATABASE_URL: 'postgres://127.0.0.1:1/theirs', API_KEY: 'secret', PORT: '1', LOG_LEVEL: '?', http_proxy: 'http://127.0.0.1:1' };
    await start(t, { ...NONE, ...theirs, PATH, SKYLOGIN_PACKAGE: '/a.whl' });
    assert.equal(log(), `skylogin ${OPTIONS}\n`);
  });

  test('is started by uvx', async (t) => {
    const { PATH, log } = pathWith(t, { uvx: 3, pipx: 4 });
    await start(t, { ...NONE, PATH, SKYLOGIN_PACKAGE: '/a.whl' });
    assert.equal(log(), `uvx --from /a.whl skylogin ${OPTIONS}\n`);
  });

  test('is started by pipx, from the checkout that the kit is in', async (t) => {
    const { PATH, log } = pathWith(t, { pipx: 4 });
    await start(t, { ...NONE, PATH });
    const checkout = path.join(__dirname, '..', '..', '..');
    assert.equal(log(), `pipx run --spec ${checkout} skylogin ${OPTIONS}\n`);
  });

  test('that cannot be started says what to do', async (t) => {
    const text = await start(t, { ...NONE, PATH: tmpdir() }, { code: 1 });
    assert.match(text, /install it so that it is on the PATH.* SKYLOGIN_PACKAGE .* SKYLOGIN_URL /);
  });

  test('that does not start says why', async (t) => {
    const options = { settings: { SKYLOGIN_NOTHING: 'x' } };
    const text = await start(t, NONE, { options, code: 1 });
    assert.match(text, /^skylogin did not start a server: it ended with 1\n.*SKYLOGIN_NOTHING/s);
  });

  test('that is not there is named', async (t) => {
    const text = await start(t, { SKYLOGIN_URL: 'http://127.0.0.1:1/' }, { code: 1 });
    assert.match(text, /http:\/\/127\.0\.0\.1:1\/_admin.*ECONNREFUSED/);
  });
});

const NO_SERVERS = ['127.0.0.1:3000', 'ftp://127.0.0.1/', 'http:///', 'http://127.0.0.1/apps/shop/'];

for (const url of NO_SERVERS) {
  test(`${url} is no server`, async () => {
    const problem = /^TypeError: \S+ is (not the URL of a server, such as|the URL of an app: )/;
    await assert.rejects(startSkylogin({ url }), problem);
  });
}

const PROXY = { HTTP_PROXY: 'http://proxy.example.com' };
const EXCEPTIONS = {
  'no proxy': [{}, undefined],
  'a proxy': [PROXY, '127.0.0.1'],
  'a proxy with exceptions': [{ ...PROXY, no_proxy: 'localhost, .example.com' }, 'localhost,.example.com,127.0.0.1'],
  'a proxy with this exception': [{ ...PROXY, NO_PROXY: '127.0.0.1' }, '127.0.0.1'],
  'a proxy for nothing': [{ ...PROXY, NO_PROXY: '*' }, '*'],
};

for (const [name, [environment, expected]] of Object.entries(EXCEPTIONS)) {
  test(`the code under test reaches a server beside ${name}`, () => {
    const { NO_PROXY, no_proxy: lower } = exceptionsFor(running.url, environment);
    assert.deepEqual([NO_PROXY, lower], [expected, expected]);
  });
}

test('an app whose server is not started yet says so', async () => {
  const { Connection } = require('../src/connection.js');
  const app = new SkyloginApp(new Connection('app', () => running));
  assert.throws(() => app.url, /skylogin is not ready yet/);
  await app.ready();
  assert.equal(app.url, `${running.url}apps/app/`);
});
