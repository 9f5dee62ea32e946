// An auth server with its own users. It gives a signed-in user a custom token, which the
// app passes to Skygear's SDK.
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
// Checked for unknown users, so that a refusal takes as long as for a known one.
const UNKNOWN_USER = { password: hashPassword(randomBytes(16)) };

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Return the server. *users* is the content of users.json, *secret* signs the custom tokens. */
function makeAuthServer({ users, secret, now = Date.now }) {
  const sessions = new Map();

  const routes = {
    'POST /session': async (request, response) => {
      const { username, password } = await readJSON(request);
      const user = users.find((one) => one.username === username);
      if (!isPassword(String(password), (user || UNKNOWN_USER).password) || !user) {
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

/** Return a custom token, which skylogin or Skygear accepts as proof of who the user is. */
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
    return [404, { error: 'not found' }];
  }
  try {
    return [200, await handle(request, response)];
  } catch (error) {
    if (error instanceof Refusal) {
      return [error.status, { error: error.message }];
    }
    console.error(error);
    return [500, { error: 'internal error' }];
  }
}

async function readJSON(request) {
  // A form on another site cannot send this content type.
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
    throw new Refusal(400, 'the body is not JSON');
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
