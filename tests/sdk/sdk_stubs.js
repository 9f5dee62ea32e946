// What an app does beyond the login with the original's JavaScript SDK, unchanged, while a test's
// stubs answer it: cloud functions, files, notifications, relations, OAuth; and, without stubs,
// a forgotten password and a verified user. Prints one line of JSON with what the SDK saw.
'use strict';

const skygear = require('skygear');

const settings = JSON.parse(process.env.APP_SETTINGS);
const EMAIL = 'alice@example.com';

async function main() {
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint: settings.endPoint, apiKey: settings.apiKey });
  await skygear.auth.loginWithCustomToken(settings.customToken);

  const asset = new skygear.Asset({
    name: 'a.txt',
    file: Buffer.from('hello'),
    contentType: 'text/plain',
  });
  const seen = {
    lambda: await skygear.lambda('hello:world', { name: 'alice', at: new Date(0) }),
    refused: (await skygear.lambda('hello:world', ['bob']).catch((failure) => failure)).error,
    uploaded: (await skygear.publicDB.uploadAsset(asset)).url,
    pushed: await skygear.push.sendToUser(skygear.auth.currentUser, { apns: {} }),
    sso: await skygear.lambda('sso/config'),
  };
  const friends = new skygear.relation.Query(skygear.relation.Friend);
  seen.friends = (await skygear.relation.query(friends)).length;
  await skygear.auth.logout();
  await rememberPassword(seen);
  await verifyUser(seen);
  return seen;
}

async function rememberPassword(seen) {
  await skygear.auth.signupWithEmail(EMAIL, 'correct horse 1');
  await skygear.auth.logout();
  await skygear.auth.forgotPassword(EMAIL);
  const [mail] = await outbox();
  const expireAt = Date.parse(mail.expires_at) / 1000;
  await skygear.auth.resetPassword(mail.user_id, mail.code, expireAt, 'battery staple 2');
  const user = await skygear.auth.loginWithEmail(EMAIL, 'battery staple 2');
  seen.reset = user._id === mail.user_id;
}

async function verifyUser(seen) {
  await skygear.auth.requestVerification('email');
  const mails = await outbox();
  await skygear.auth.verifyUserWithCode(mails[mails.length - 1].code);
  seen.verified = (await skygear.auth.whoami()).is_verified;
}

async function outbox() {
  const answer = await fetch(settings.outbox, {
    headers: { Authorization: `Bearer ${settings.masterKey}` },
  });
  return (await answer.json()).mails;
}

main().then(
  (seen) => console.log(JSON.stringify(seen)),
  (failure) => {
    console.error(failure instanceof Error ? failure.stack : JSON.stringify(failure));
    process.exit(1);
  }
);
