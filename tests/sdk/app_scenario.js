// What an app does with the original's JavaScript SDK, unchanged: users with
// passwords and without, profiles, records, roles, disabling, custom tokens,
// messages. The same in Node and in a browser's page, which load it each in
// their way. Returns what was seen; throws where something is not as it should be.
'use strict';

const DUPLICATED = 109;
const INVALID_CREDENTIALS = 105;
const NOT_AUTHENTICATED = 101;
const INVALID_ARGUMENT = 108;
const RESOURCE_NOT_FOUND = 110;
const PERMISSION_DENIED = 102;
const USER_DISABLED = 127;
const BIRTHDAY = '1990-02-03T04:05:06.000Z';
const PASSWORD = 'correct horse 1';
const NEW_PASSWORD = 'battery staple 2';
const MESSAGE_SECONDS_MAX = 20;

async function playApp(skygear, settings) {
  await skygear.config({ endPoint: settings.endPoint, apiKey: settings.apiKey });
  const name = `app-${settings.run}`;

  const user = await signUp(skygear, name);
  await logIn(skygear, name, user);
  await changePassword(skygear, name);
  await saveProfile(skygear, name, user);
  const notes = await saveRecords(skygear, user);
  const disabled = await governUsers(skygear, settings, name);
  const anonymous = await beAnonymous(skygear);
  const principal = await useCustomTokens(skygear, settings.customTokens);
  const messages = await passMessages(skygear, settings);
  await registerDevices(skygear, settings, name);
  check(!skygear.auth.currentUser, 'a user is left after the logout');
  return { user_id: user._id, notes, disabled, anonymous, principal, messages };
}

// --- users with passwords -------------------------------------------------------

async function signUp(skygear, name) {
  const profile = { nickname: 'Al', birthday: new Date(BIRTHDAY), level: 3, tags: ['a', 'b'] };

  const user = await skygear.auth.signupWithUsername(name, PASSWORD, profile);

  equal(user.recordType, 'user');
  equal(user.username, name);
  equal(user.nickname, 'Al');
  check(user.birthday instanceof Date, `birthday is no date: ${user.birthday}`);
  equal(user.birthday.toISOString(), BIRTHDAY);
  equal(user.tags, ['a', 'b']);
  equal(user.ownerID, user._id);
  equal(skygear.auth.currentUser.id, user.id);
  check(skygear.auth.accessToken, 'the SDK holds no access token after signing up');
  await refused(skygear.auth.signupWithUsername(name.toUpperCase(), PASSWORD), DUPLICATED);
  equal(skygear.auth.currentUser.id, user.id);
  return user;
}

async function logIn(skygear, name, user) {
  await skygear.auth.logout();
  check(!skygear.auth.accessToken, 'an access token is left after the logout');
  await refused(skygear.auth.whoami(), NOT_AUTHENTICATED);
  await refused(skygear.auth.loginWithUsername(name, 'wrong'), INVALID_CREDENTIALS);
  await refused(skygear.auth.loginWithUsername(`no ${name}`, PASSWORD), RESOURCE_NOT_FOUND);

  const again = await skygear.auth.loginWithUsername(name, PASSWORD);
  const me = await skygear.auth.whoami();

  equal([again._id, me._id], [user._id, user._id]);
  equal([me.level, me.birthday.toISOString()], [3, BIRTHDAY]);
}

async function changePassword(skygear, name) {
  await refused(skygear.auth.changePassword('wrong', NEW_PASSWORD), INVALID_CREDENTIALS);
  // What is issued in the very second of a change may count as older.
  await seconds(1.1);
  await skygear.auth.changePassword(PASSWORD, NEW_PASSWORD);
  await skygear.auth.whoami();
  await refused(skygear.auth.loginWithUsername(name, PASSWORD), INVALID_CREDENTIALS);
  await skygear.auth.loginWithUsername(name, NEW_PASSWORD);
}

// --- profiles and records -------------------------------------------------------

async function saveProfile(skygear, name, user) {
  const profile = skygear.auth.currentUser;
  profile.nickname = 'Alice';
  profile.home = new skygear.Geolocation(22.25, 114.125);

  const saved = await skygear.publicDB.save(profile);
  const me = await skygear.auth.whoami();
  const query = new skygear.Query(skygear.UserRecord);
  query.equalTo('username', name);
  const found = await skygear.publicDB.query(query);

  equal([saved.id, saved.nickname], [user.id, 'Alice']);
  equal([me.nickname, me.home.latitude, me.home.longitude], ['Alice', 22.25, 114.125]);
  equal(found.map((each) => [each.id, each.nickname, each.level]), [[user.id, 'Alice', 3]]);
}

async function saveRecords(skygear, user) {
  const Note = skygear.Record.extend('note');
  const ofMine = (ordinal) =>
    new Note({
      ordinal,
      text: `note ${ordinal}`,
      writer: new skygear.Reference(user.id),
      written: new Date(BIRTHDAY),
    });

  const result = await skygear.publicDB.save([ofMine(1), ofMine(2), ofMine(3)]);
  const saved = result.savedRecords || result;
  const query = new skygear.Query(Note);
  query.greaterThan('ordinal', 1);
  query.equalTo('_owner_id', user._id);
  query.addDescending('ordinal');
  query.transientInclude('writer');
  query.overallCount = true;
  const found = await skygear.publicDB.query(query);

  equal(saved.map((note) => note.ordinal), [1, 2, 3]);
  equal(found.map((note) => note.text), ['note 3', 'note 2']);
  equal(found.overallCount, 2);
  equal(found[0].written.toISOString(), BIRTHDAY);
  equal(found[0].$transient.writer.id, user.id);
  await skygear.publicDB.delete(saved[0]);
  const left = await skygear.publicDB.query(new skygear.Query(Note));
  return left.map((note) => note.ordinal).sort();
}

// --- roles and disabling ---------------------------------------------------------

async function governUsers(skygear, settings, name) {
  const admin = skygear.Role.define('Admin');
  const writer = skygear.Role.define('Writer');
  const reader = skygear.Role.define('Reader');
  equal((await skygear.auth.setAdminRole([admin])).length, 1);
  await skygear.auth.setDefaultRole([reader]);
  const me = skygear.auth.currentUser;
  await refused(skygear.auth.assignUserRole([me], [admin]), PERMISSION_DENIED);
  const other = await skygear.auth.signupWithEmail(`${name}@example.com`, PASSWORD);
  await skygear.auth.loginWithUsername(name, NEW_PASSWORD);
  // The first admin is made by whoever runs the server.
  await operate(settings, 'role:assign', { users: [me._id], roles: ['Admin'] });

  equal(await rolesOf(skygear, me), ['Admin']);
  equal(await rolesOf(skygear, other), ['Reader']);
  await skygear.auth.assignUserRole([other], [writer]);
  equal(await rolesOf(skygear, other), ['Reader', 'Writer']);
  await skygear.auth.revokeUserRole([other], [reader]);
  equal(await rolesOf(skygear, other), ['Writer']);
  await skygear.auth.adminDisableUser(other, 'too loud');
  const refusal = await refused(
    skygear.auth.loginWithEmail(`${name}@example.com`, PASSWORD),
    USER_DISABLED
  );
  await skygear.auth.adminEnableUser(other);
  const enabled = await skygear.auth.loginWithEmail(`${name}@example.com`, PASSWORD);
  equal(enabled._id, other._id);
  await operate(settings, 'auth:disable:set', { auth_id: other._id, disabled: true });
  await refused(skygear.auth.whoami(), USER_DISABLED);
  await operate(settings, 'auth:disable:set', { auth_id: other._id, disabled: false });
  equal((await skygear.auth.whoami())._id, other._id);
  return { user_id: other._id, message: refusal.error.info.message };
}

async function rolesOf(skygear, user) {
  const roles = await skygear.auth.fetchUserRole([user]);
  return roles[user._id].map((role) => role.name).sort();
}

async function operate(settings, action, payload) {
  const answer = await fetch(settings.endPoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Skygear-API-Key': settings.masterKey,
    },
    body: JSON.stringify({ action, ...payload }),
  });
  const body = await answer.json();
  check(answer.ok, `${action} with the master key was refused: ${JSON.stringify(body)}`);
  return body.result;
}

// --- users without passwords -------------------------------------------------------

async function beAnonymous(skygear) {
  const user = await skygear.auth.signupAnonymously();
  const me = await skygear.auth.whoami();

  equal(me._id, user._id);
  equal([me.username, me.email], [undefined, undefined]);
  await refused(skygear.auth.changePassword('any', NEW_PASSWORD), INVALID_CREDENTIALS);
  const other = await skygear.auth.signupAnonymously();
  check(other._id !== user._id, 'two anonymous users are one');
  return user._id;
}

async function useCustomTokens(skygear, [first, second]) {
  const user = await skygear.auth.loginWithCustomToken(first);
  const again = await skygear.auth.loginWithCustomToken(second);

  equal(again._id, user._id);
  equal([user.level, again.level], [1, 2]);
  equal((await skygear.auth.whoami()).level, 2);
  return user._id;
}

// --- devices -----------------------------------------------------------------------

async function registerDevices(skygear, settings, name) {
  await skygear.push.registerDevice(`${name}-token`, 'ios', 'com.example.app');
  const device = skygear.push.deviceID;
  check(device, 'the SDK holds no device id after registering');
  await skygear.push.registerDevice(`${name}-new-token`, 'ios', 'com.example.app');
  equal(skygear.push.deviceID, device);

  // Whoever has the token now; the SDK then registers its device as a new one.
  await operate(settings, 'device:register', { type: 'ios', device_token: `${name}-new-token` });
  await skygear.push.registerDevice(`${name}-new-token`, 'ios', 'com.example.app');
  check(skygear.push.deviceID !== device, 'a device that is gone kept its id');
  await refused(skygear.push.registerDevice('any', 'tv'), INVALID_ARGUMENT);
  // It unregisters the device.
  await skygear.auth.logout();
}

// --- messages ---------------------------------------------------------------------

async function passMessages(skygear, settings) {
  const other = new skygear.constructor();
  await other.config({ endPoint: settings.endPoint, apiKey: settings.apiKey });
  const received = [];
  const channel = `room ${settings.run}`;
  other.pubsub.on(channel, (data) => received.push(data));
  const echo = new Promise((resolve) => skygear.pubsub.once(channel).then(resolve));

  // A subscription is not confirmed, so the first message is sent until it comes.
  await until(() => {
    if (!received.length) {
      skygear.pubsub.publish(channel, { ordinal: 0 });
    }
    return received.length;
  }, 'no message was received');
  equal(await Promise.race([echo, seconds(MESSAGE_SECONDS_MAX)]), { ordinal: 0 });
  skygear.pubsub.publish(channel, { ordinal: 1, text: '<é> & \u2028', list: [1, null, {}] });
  await until(() => received.some((data) => data.ordinal === 1), 'no second message was received');
  other.pubsub.off(channel);
  other.pubsub.autoPubsub = false;
  return received.find((data) => data.ordinal === 1);
}

async function until(isSo, otherwise) {
  for (let waited = 0; !isSo(); waited += 0.2) {
    check(waited < MESSAGE_SECONDS_MAX, otherwise);
    await seconds(0.2);
  }
}

function seconds(number) {
  return new Promise((resolve) => setTimeout(resolve, number * 1000));
}

// --- what should be ----------------------------------------------------------------

async function refused(promise, code) {
  const answer = await promise.then(
    (value) => check(false, `not refused with ${code}: ${JSON.stringify(value)}`),
    (rejection) => rejection
  );
  check(answer.error && answer.error.code === code, `not ${code}: ${describe(answer)}`);
  return answer;
}

function equal(actual, expected) {
  const [seen, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  check(seen === wanted, `${seen} is not ${wanted}`);
}

function check(isSo, message) {
  if (!isSo) {
    throw new Error(message);
  }
}

// The SDK rejects with plain objects, whose text would be "[object Object]".
function describe(failure) {
  return failure instanceof Error ? failure.stack : JSON.stringify(failure);
}

if (typeof module !== 'undefined') {
  module.exports = { playApp, describe };
}
