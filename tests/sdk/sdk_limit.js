// Logs in with the original's JavaScript SDK, unchanged, then twice with a bad token. Prints one
// line of JSON with what the SDK rejected.
'use strict';

const skygear = require('skygear');

async function main() {
  // The SDK would open a websocket after the login and try for ever.
  skygear.pubsub.autoPubsub = false;
  const { SKYGEAR_ENDPOINT: endPoint, SKYGEAR_API_KEY: apiKey, CUSTOM_TOKEN: token } = process.env;
  await skygear.config({ endPoint, apiKey });
  await skygear.auth.loginWithCustomToken(token);
  const before = skygear.auth.accessToken;
  const refusals = [];
  for (let i = 0; i < 2; i += 1) {
    const { status, error } = await skygear.auth.loginWithCustomToken('no token').catch((e) => e);
    refusals.push({ status, code: error.code, message: error.message });
  }
  return { refusals, is_logged_in: Boolean(before) && skygear.auth.accessToken === before };
}

// The SDK may keep connections open, so the end is said explicitly.
main().then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)),
  (failure) => process.stderr.write(`${failure && failure.stack}\n`, () => process.exit(1))
);
