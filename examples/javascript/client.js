// What the app does: sign in to its own auth server, get a custom token from it, and log in
// to Skygear with that token. With skylogin only the endpoint is different.
//
//   node client.js alice 'correct horse'
'use strict';

const skygear = require('skygear');

/** Sign in as a user of the auth server, and return Skygear's user record. */
async function logIn(authServer, username, password) {
  const token = await fetchCustomToken(authServer, username, password);
  return skygear.auth.loginWithCustomToken(token);
}

async function fetchCustomToken(authServer, username, password) {
  const signedIn = await post(`${authServer}session`, { username, password });
  const cookie = signedIn.headers.get('set-cookie').split(';')[0];
  const answered = await post(`${authServer}custom-token`, {}, { Cookie: cookie });
  return (await answered.json()).token;
}

async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    const { error } = await response.json();
    throw Object.assign(new Error(error), { status: response.status });
  }
  return response;
}

module.exports = { logIn, fetchCustomToken };

async function main([username, password]) {
  const { AUTH_SERVER, SKYGEAR_ENDPOINT, SKYGEAR_API_KEY } = process.env;
  // This program ends after the login, so it needs no pubsub connection.
  skygear.pubsub.autoPubsub = false;
  await skygear.config({ endPoint: SKYGEAR_ENDPOINT, apiKey: SKYGEAR_API_KEY });
  const user = await logIn(AUTH_SERVER || 'http://127.0.0.1:4000/', username, password);
  console.log(`${user.username} is ${user._id}`);
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error) => {
    // The SDK rejects with plain objects.
    console.error(error instanceof Error ? error.message : JSON.stringify(error));
    process.exitCode = 1;
  });
}
