// Tests of an app that calls cloud functions, uploads a file and sends notifications. skylogin does
// the login and the devices; stubs answer the rest.
'use strict';

const assert = require('node:assert/strict');
const { before, beforeEach, test } = require('node:test');

const skygear = require('skygear');
const { useSkylogin } = require('skylogin/node-test');
const { sendPostcard, signIn, signOut, TOPIC } = require('../postcards.js');

const PHONE = { token: '5f2e9c', type: 'ios' };
const PICTURE = { name: 'pier.png', data: Buffer.from('a picture of a pier'), type: 'image/png' };

const skylogin = useSkylogin();
let bob;

before(async () => {
  await skylogin.ready();
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint: skylogin.url, apiKey: skylogin.apiKey });
});

beforeEach(async () => {
  bob = await skylogin.users.add('bob');
  await signIn(await skylogin.token('alice', { profile: { name: 'Alice' } }), PHONE);
});

/** Stub an upload: asset:put says where the file goes, and files:* accepts it. */
async function takeUpload(name) {
  const url = `${skylogin.url}files/${name}`;
  await skylogin.stubs.answer(
    'asset:put',
    { 'post-request': { action: url, 'extra-fields': {} }, asset: { $type: 'asset', $name: name, $url: url } },
    { arguments: { filename: name } },
  );
  await skylogin.stubs.answer('files:*');
  return url;
}

test('a postcard has the picture, and the friend is notified', async () => {
  const url = await takeUpload(PICTURE.name);
  await skylogin.stubs.answer('postcards:allowance', { left: 3 });
  await skylogin.stubs.answer('postcards:send', { id: 'p-1' }, { userRequired: true });
  await skylogin.stubs.answer('push:user', [{ _id: bob.id }]);

  assert.deepEqual(await sendPostcard(bob.id, PICTURE), { id: 'p-1' });

  const [sent] = await skylogin.calls.all('postcards:send');
  assert.deepEqual(sent.arguments, { to: bob.id, picture: url });
  const [announced] = await skylogin.calls.all('asset:put');
  assert.equal(announced.arguments['content-size'], PICTURE.data.length);
  const [upload] = await skylogin.calls.all('files:*');
  assert.equal(upload.arguments.content_type, 'multipart/form-data');
  const [push] = await skylogin.calls.all('push:user');
  assert.deepEqual(push.arguments.user_ids, [bob.id]);
  assert.equal(push.arguments.notification.apns.aps.alert, 'A postcard from Alice');
  assert.equal(push.arguments.topic, TOPIC);
  assert.deepEqual(await skylogin.calls.unmatched(), []);
});

test('without stamps nothing is uploaded', async () => {
  await skylogin.stubs.answer('postcards:allowance', { left: 0 });

  await assert.rejects(sendPostcard(bob.id, PICTURE), /no stamps/);

  assert.deepEqual(await skylogin.calls.all('asset:put'), []);
});

test('an error of a cloud function reaches the app', async () => {
  await skylogin.stubs.fail('postcards:allowance', 10001, { message: 'the post office is closed' });

  const { error } = await sendPostcard(bob.id, PICTURE).catch((rejection) => rejection);

  assert.equal(error.code, 10001);
  assert.equal(error.message, 'the post office is closed');
});

test('a call that nobody has thought of says what is missing', async () => {
  await assert.rejects(sendPostcard(bob.id, PICTURE));

  const [call] = await skylogin.calls.unmatched();
  assert.equal(call.action, 'postcards:allowance');
  assert.match(call.explanation, /no stub is for "postcards:allowance"/);
});

test('a phone is registered for as long as its owner is logged in', async () => {
  const [registered] = await skylogin.calls.all('device:register');
  assert.equal(registered.arguments.topic, TOPIC);

  await signOut();

  const [unregistered] = await skylogin.calls.all('device:unregister');
  assert.equal(unregistered.status, 200);
  assert.equal(skygear.auth.currentUser, null);
});
