// An app that uses more of Skygear than the login: cloud functions, the upload of a file, devices
// and notifications. Skygear's SDK makes every call; only its endpoint is different with skylogin.
'use strict';

const skygear = require('skygear');

// The bundle identifier on iOS, the package name on Android.
const TOPIC = 'com.example.postcards';

/** Log in with a custom token, and register this phone for notifications. Returns the user record. */
async function signIn(customToken, phone) {
  const user = await skygear.auth.loginWithCustomToken(customToken);
  await skygear.push.registerDevice(phone.token, phone.type, TOPIC);
  return user;
}

/** Send a picture to a friend, and return the postcard. */
async function sendPostcard(friendId, picture) {
  const { left } = await skygear.lambda('postcards:allowance');
  if (left === 0) {
    throw new Error('no stamps are left for today');
  }
  const asset = new skygear.Asset({ name: picture.name, file: picture.data, contentType: picture.type });
  const { url } = await skygear.publicDB.uploadAsset(asset);
  const postcard = await skygear.lambda('postcards:send', { to: friendId, picture: url });
  const alert = `A postcard from ${skygear.auth.currentUser.name}`;
  const notification = { apns: { aps: { alert } }, gcm: { notification: { body: alert } } };
  await skygear.push.sendToUser(friendId, notification, TOPIC);
  return postcard;
}

/** Log out, and stop notifications to this phone. */
async function signOut() {
  await skygear.push.unregisterDevice();
  await skygear.auth.logout();
}

module.exports = { sendPostcard, signIn, signOut, TOPIC };
