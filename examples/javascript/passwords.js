// Password hashes: "scrypt", its cost, a salt and the hash.
// To make one for users.json: node passwords.js 'the password'
'use strict';

const { randomBytes, scryptSync, timingSafeEqual } = require('node:crypto');

const COST = 16384;
const BYTES = 32;

function hashPassword(password) {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, BYTES, { N: COST });
  return ['scrypt', COST, salt.toString('base64'), hash.toString('base64')].join('$');
}

function isPassword(password, stored) {
  const [, cost, salt, hash] = stored.split('$');
  const expected = Buffer.from(hash, 'base64');
  const actual = scryptSync(password, Buffer.from(salt, 'base64'), BYTES, { N: Number(cost) });
  return timingSafeEqual(actual, expected);
}

module.exports = { hashPassword, isPassword };

if (require.main === module) {
  console.log(hashPassword(process.argv[2]));
}
