// Logs in with the original's JavaScript SDK, unchanged, and with tokens that
// another library signed: what a team's own code does. Prints one line of JSON
// with what the SDK saw, or says on stderr what was not as it should be.
'use strict';

const assert = require('assert');
const jwt = require('jsonwebtoken');
const skygear = require('skygear');

const BIRTHDAY = '1990-02-03T04:05:06.000Z';
const INVALID_CREDENTIALS = 105;
const BAD_REQUEST = 107;

const endPoint = setting('SKYGEAR_ENDPOINT');
const apiKey = setting('SKYGEAR_API_KEY');
const secret = setting('CUSTOM_TOKEN_SECRET');

async function main() {
  // The SDK would open a websocket after the login and try for ever.
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint, apiKey });

  const subject = `javascript-${process.pid}-${Date.now()}`;
  const first = await firstLogin(subject);
  const second = await secondLogin(subject, first.user_id);
  const me = await whoami(first.user_id);
  const refused = {
    wrong_secret: await refusal(sign({ sub: subject }, `not ${secret}`), BAD_REQUEST),
    expired: await refusal(sign({ sub: subject, exp: now() - 60 }), BAD_REQUEST),
    no_subject: await refusal(sign({ skyprofile: {} }), INVALID_CREDENTIALS),
  };
  await logout(first.user_id);

  return { first, second, me, refused };
}

async function firstLogin(subject) {
  const skyprofile = {
    username: subject,
    email: `${subject}@example.com`,
    birthday: { $type: 'date', $date: BIRTHDAY },
  };

  const user = await skygear.auth.loginWithCustomToken(sign({ sub: subject, skyprofile }));

  assert.strictEqual(user.recordType, 'user');
  assert.strictEqual(user.username, skyprofile.username);
  assert.strictEqual(user.email, skyprofile.email);
  assert.ok(user.birthday instanceof Date, `birthday is no date: ${user.birthday}`);
  assert.strictEqual(user.birthday.toISOString(), BIRTHDAY);
  assert.ok(user.createdAt instanceof Date, `createdAt is no date: ${user.createdAt}`);
  assert.strictEqual(user.ownerID, user._id);
  assert.strictEqual(skygear.auth.currentUser.id, user.id);
  assert.ok(skygear.auth.accessToken, 'the SDK holds no access token after a login');
  return seen(user);
}

async function secondLogin(subject, userID) {
  const skyprofile = { username: subject, email: `${subject}@example.org`, level: 7 };

  const user = await skygear.auth.loginWithCustomToken(sign({ sub: subject, skyprofile }));

  assert.strictEqual(user._id, userID, 'the same subject is another user');
  assert.strictEqual(user.email, skyprofile.email);
  assert.strictEqual(user.level, 7);
  assert.strictEqual(user.birthday.toISOString(), BIRTHDAY, 'a field left out was lost');
  return seen(user);
}

async function whoami(userID) {
  const user = await skygear.auth.whoami();

  assert.strictEqual(user._id, userID);
  assert.strictEqual(skygear.auth.currentUser.level, 7);
  return seen(user);
}

async function refusal(token, code) {
  const before = skygear.auth.accessToken;

  const answer = await skygear.auth.loginWithCustomToken(token).then(
    (user) => assert.fail(`a bad token logged in as ${user.id}`),
    (rejection) => rejection
  );

  assert.ok(answer.error && answer.error.code, `no Skygear error: ${describe(answer)}`);
  assert.strictEqual(answer.error.code, code, describe(answer));
  assert.strictEqual(skygear.auth.accessToken, before, 'a refused login touched the session');
  return { status: answer.status, code: answer.error.code, message: answer.error.message };
}

async function logout(userID) {
  assert.strictEqual(skygear.auth.currentUser._id, userID);

  await skygear.auth.logout();

  assert.ok(!skygear.auth.currentUser, 'a user is left after the logout');
  assert.ok(!skygear.auth.accessToken, 'an access token is left after the logout');
}

function sign(claims, key = secret) {
  const expiry = claims.exp === undefined ? { exp: now() + 3600 } : {};
  return jwt.sign({ ...claims, ...expiry }, key, { algorithm: 'HS256' });
}

function now() {
  return Math.floor(Date.now() / 1000);
}

function seen(user) {
  const { username, email, level, birthday } = user;
  return { user_id: user._id, username, email, level, birthday };
}

function setting(name) {
  if (!process.env[name]) {
    throw new Error(`${name} is not set`);
  }
  return process.env[name];
}

// The SDK rejects with plain objects, whose text would be "[object Object]".
function describe(failure) {
  return failure instanceof Error ? failure.stack : JSON.stringify(failure);
}

// The SDK may keep connections open, so the end is said explicitly.
main().then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)),
  (failure) => process.stderr.write(`${describe(failure)}\n`, () => process.exit(1))
);
