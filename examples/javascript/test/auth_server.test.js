// Tests of the auth server alone: who gets a token, and what the token contains.
'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');

const jwt = require('jsonwebtoken');
const { makeAuthServer } = require('../auth_server.js');
const users = require('../users.json');

const SECRET = 'a secret that only these tests know';
const ALICE = { username: 'alice', password: 'correct horse' };

let clock = Date.now();
const server = makeAuthServer({ users, secret: SECRET, now: () => clock });
let url;

before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

function send(method, path, { body, cookie = '', type = 'application/json' } = {}) {
  const headers = { 'Content-Type': type, Cookie: cookie };
  return fetch(url + path, { method, headers, body });
}

async function signIn(credentials = ALICE) {
  const response = await send('POST', '/session', { body: JSON.stringify(credentials) });
  assert.equal(response.status, 200);
  return response.headers.get('set-cookie').split(';')[0];
}

test('a signed-in user gets a custom token', async () => {
  const cookie = await signIn();

  const response = await send('POST', '/custom-token', { cookie });

  const { token } = await response.json();
  const claims = jwt.verify(token, SECRET, { algorithms: ['HS256'] });
  assert.equal(claims.sub, 'u-1001');
  assert.equal(claims.exp - claims.iat, 3600);
  assert.deepEqual(claims.skyprofile, { username: 'alice', email: 'alice@example.com' });
  assert.equal(response.headers.get('cache-control'), 'no-store');
});

test('without a session there is no token', async () => {
  for (const cookie of ['', 'session=', 'session=made-up']) {
    assert.equal((await send('POST', '/custom-token', { cookie })).status, 401);
  }
});

test('wrong credentials are refused', async () => {
  const wrong = [{ ...ALICE, password: 'wrong' }, { ...ALICE, username: 'eve' }, {}, null];
  for (const credentials of wrong) {
    const response = await send('POST', '/session', { body: JSON.stringify(credentials) });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('set-cookie'), null);
  }
});

test('signing out ends the session', async () => {
  const cookie = await signIn();

  await send('DELETE', '/session', { cookie });

  assert.equal((await send('POST', '/custom-token', { cookie })).status, 401);
});

test('a session ends after eight hours', async () => {
  const cookie = await signIn();

  clock += 8 * 3600 * 1000;

  assert.equal((await send('POST', '/custom-token', { cookie })).status, 401);
});

test('invalid requests are refused', async () => {
  assert.equal((await send('POST', '/session', { body: 'x' })).status, 400);
  assert.equal((await send('POST', '/session', { body: 'x', type: 'text/plain' })).status, 415);
  assert.equal((await send('POST', '/session', { body: 'x'.repeat(20_000) })).status, 413);
  assert.equal((await send('GET', '/elsewhere')).status, 404);
});
