// Tests of the whole login: password, custom token, Skygear's own SDK.
'use strict';

const assert = require('node:assert/strict');
const { after, before, beforeEach, test } = require('node:test');

const skygear = require('skygear');
const { makeAuthServer } = require('../auth_server.js');
const { fetchCustomToken, logIn } = require('../client.js');
const { Skylogin } = require('../testing/skylogin.js');
const users = require('../users.json');

const BAD_REQUEST = 107;

let skylogin;
let authServer;
let authURL;

before(async () => {
  skylogin = await Skylogin.start({ app: 'javascript-login' });
  authServer = makeAuthServer({ users, secret: skylogin.secret });
  authURL = await listen(authServer);
  // These tests need no pubsub connection.
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint: skylogin.endPoint, apiKey: skylogin.apiKey });
});

beforeEach(async () => {
  await skylogin.reset();
});

after(async () => {
  authServer.close();
  await skylogin.stop();
});

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

  assert.deepEqual((await skylogin.admin('GET', 'logins')).attempts, []);
});

test('an expired token is refused', async () => {
  const token = await fetchCustomToken(authURL, 'alice', 'correct horse');
  await skygear.auth.loginWithCustomToken(token);

  await skylogin.clock.advance(3601);

  const { code } = await refusal(skygear.auth.loginWithCustomToken(token));
  assert.equal(code, BAD_REQUEST);
  const attempt = await skylogin.waitForLogin({ subject: 'u-1001', accepted: false });
  assert.equal(attempt.reason, 'expired');
});

test('a token issued in the future is refused', async () => {
  await skylogin.clock.freeze(new Date('2026-01-01T00:00:00Z'));

  await refusal(logIn(authURL, 'alice', 'correct horse'));

  const attempt = await skylogin.waitForLogin({ subject: 'u-1001' });
  assert.equal(attempt.reason, 'issued_in_future');
  assert.equal(attempt.at.slice(0, 19), '2026-01-01T00:00:00');
});

test('a frozen clock can be unfrozen', async () => {
  await skylogin.clock.freeze();
  const [first, second] = [await skylogin.clock.now(), await skylogin.clock.now()];
  assert.deepEqual(second, first);

  await skylogin.clock.unfreeze();
  // A Date has milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 5));

  assert.ok((await skylogin.clock.now()) > first);
});

test('a token signed with another secret is refused', async (t) => {
  const other = makeAuthServer({ users, secret: 'not the secret of Skygear' });
  const url = await listen(other);
  t.after(() => other.close());

  await refusal(logIn(url, 'bob', 'battery staple'));

  const attempt = await skylogin.waitForLogin({ accepted: false });
  assert.equal(attempt.reason, 'signature_wrong');
});

test('a reset removes the users', async () => {
  const before = await skylogin.logIn('carol', { profile: { username: 'carol' } });
  assert.equal((await skylogin.logIn('carol')).user_id, before.user_id);

  await skylogin.reset();

  const after = await skylogin.logIn('carol');
  assert.notEqual(after.user_id, before.user_id);
  assert.equal(after.profile.username, undefined);
});

test('the helper reports Skygear\'s errors', async () => {
  const refused = skylogin.logIn('carol', { expiresIn: -1 });

  await assert.rejects(refused, { name: 'BadRequest', code: BAD_REQUEST });
  assert.equal((await skylogin.waitForLogin({ subject: 'carol' })).reason, 'expired');
});
