// The auth server: it knows its own users, and gives the one who has signed in a
// custom token. The app hands that token to Skygear's SDK.
//
//   POST   /session       {"username": …, "password": …}   signs in, sets a cookie
//   DELETE /session                                         signs out
//   POST   /custom-token                                    {"token": …}
'use strict';

const { randomBytes } = require('node:crypto');
const { createServer } = require('node:http');

const jwt = require('jsonwebtoken');
const { hashPassword, isPassword } = require('./passwords.js');

const BODY_BYTES_MAX = 10_000;
const SESSION_SECONDS = 8 * 3600;
// Whoever is unknown is checked against this, so that it takes as long as for a user.
const NOBODY = { password: hashPassword(randomBytes(16)) };

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Make the server; *users* is what users.json holds, *secret* is what skylogin verifies with. */
function makeAuthServer({ users, secret, now = Date.now }) {
  const sessions = new Map();

  const routes = {
    'POST /session': async (request, response) => {
      const { username, password } = await readJSON(request);
      const user = users.find((one) => one.username === username);
      if (!isPassword(String(password), (user || NOBODY).password) || !user) {
        throw new Refusal(401, 'wrong user name or password');
      }
      const id = randomBytes(32).toString('base64url');
      sessions.set(id, { user, endsAt: now() + SESSION_SECONDS * 1000 });
      response.setHeader('Set-Cookie', `session=${id}; HttpOnly; SameSite=Strict; Path=/`);
      return { username };
    },
    'DELETE /session': async (request) => {
      sessions.delete(sessionID(request));
      return {};
    },
    'POST /custom-token': async (request) => ({ token: issueCustomToken(signedIn(request), secret) }),
  };

  function signedIn(request) {
    const session = sessions.get(sessionID(request));
    if (!session || session.endsAt <= now()) {
      throw new Refusal(401, 'sign in first');
    }
    return session.user;
  }

  return createServer(async (request, response) => {
    const [status, body] = await answer(routes, request, response);
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(JSON.stringify(body));
  });
}

/** Return a custom token: what skylogin, or Skygear, takes for the word of this server. */
function issueCustomToken(user, secret) {
  return jwt.sign(
    { skyprofile: { username: user.username, email: user.email } },
    secret,
    { algorithm: 'HS256', subject: user.id, expiresIn: '1h' },
  );
}

async function answer(routes, request, response) {
  const handle = routes[`${request.method} ${request.url}`];
  if (!handle) {
    return [404, { error: 'there is nothing here' }];
  }
  try {
    return [200, await handle(request, response)];
  } catch (error) {
    if (error instanceof Refusal) {
      return [error.status, { error: error.message }];
    }
    console.error(error);
    return [500, { error: 'something went wrong' }];
  }
}

async function readJSON(request) {
  // A form of another site cannot send this type.
  if (request.headers['content-type'] !== 'application/json') {
    throw new Refusal(415, 'send JSON');
  }
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw new Refusal(413, 'too long');
    }
    chunks.push(chunk);
  }
  try {
    return { ...JSON.parse(Buffer.concat(chunks)) };
  } catch {
    throw new Refusal(400, 'that is no JSON');
  }
}

function sessionID(request) {
  const cookie = /(?:^|;\s*)session=([\w-]+)/.exec(request.headers.cookie || '');
  return cookie ? cookie[1] : '';
}

module.exports = { makeAuthServer, issueCustomToken };

if (require.main === module) {
  const secret = process.env.CUSTOM_TOKEN_SECRET;
  if (!secret) {
    console.error('CUSTOM_TOKEN_SECRET is not set');
    process.exit(1);
  }
  const server = makeAuthServer({ users: require('./users.json'), secret });
  server.listen(Number(process.env.PORT || 4000), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}/`);
  });
}
