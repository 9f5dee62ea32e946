// Tests of the whole login: password, custom token, Skygear's own SDK.
'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');

const skygear = require('skygear');
const { useSkylogin } = require('skylogin/node-test');
const { makeAuthServer } = require('../auth_server.js');
const { fetchCustomToken, logIn } = require('../client.js');
const users = require('../users.json');

const BAD_REQUEST = 107;

const skylogin = useSkylogin();
let authServer;
let authURL;

before(async () => {
  await skylogin.ready();
  authServer = makeAuthServer({ users, secret: skylogin.secret });
  authURL = await listen(authServer);
  // These tests need no pubsub connection.
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint: skylogin.url, apiKey: skylogin.apiKey });
});

after(() => authServer.close());

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}/`;
}

// The SDK rejects with plain objects, not with errors.
async function refusal(promise) {
  const rejection = await promise.then(() => assert.fail('the login was not refused'), (error) => error);
  assert.ok(rejection.error, rejection);
  return rejection.error;
}

test('a user of the auth server becomes a user of Skygear', async () => {
  const user = await logIn(authURL, 'alice', 'correct horse');

  assert.equal(user.username, 'alice');
  assert.equal(user.email, 'alice@example.com');
  assert.equal((await skygear.auth.whoami())._id, user._id);
});

test('each login gives the same user', async () => {
  const first = await logIn(authURL, 'alice', 'correct horse');
  const second = await logIn(authURL, 'alice', 'correct horse');
  const other = await logIn(authURL, 'bob', 'battery staple');

  assert.equal(second._id, first._id);
  assert.notEqual(other._id, first._id);
});

test('a wrong password never reaches Skygear', async () => {
  await assert.rejects(logIn(authURL, 'alice', 'wrong'), { status: 401 });

  assert.deepEqual(await skylogin.logins.all(), []);
});

test('an expired token is refused', async () => {
  const token = await fetchCustomToken(authURL, 'alice', 'correct horse');
  await skygear.auth.loginWithCustomToken(token);

  await skylogin.clock.advance(3601);

  const { code } = await refusal(skygear.auth.loginWithCustomToken(token));
  assert.equal(code, BAD_REQUEST);
  const attempt = await skylogin.logins.waitFor({ subject: 'u-1001', accepted: false });
  assert.equal(attempt.reason, 'expired');
});

test('a token issued in the future is refused', async () => {
  await skylogin.clock.freeze(new Date('2026-01-01T00:00:00Z'));

  await refusal(logIn(authURL, 'alice', 'correct horse'));

  const attempt = await skylogin.logins.waitFor({ subject: 'u-1001' });
  assert.equal(attempt.reason, 'issued_in_future');
  assert.equal(attempt.at.toISOString().slice(0, 19), '2026-01-01T00:00:00');
});

test('a token signed with another secret is refused', async (t) => {
  const other = makeAuthServer({ users, secret: 'not the secret of Skygear' });
  const url = await listen(other);
  t.after(() => other.close());

  await refusal(logIn(url, 'bob', 'battery staple'));

  const attempt = await skylogin.logins.waitFor({ accepted: false });
  assert.equal(attempt.reason, 'signature_wrong');
});
