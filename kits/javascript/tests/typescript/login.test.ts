// The whole kit from TypeScript: this file is checked by tsc, and what tsc makes of it is run.
import assert = require('node:assert/strict');
import { test } from 'node:test';

import { AdminError, CallRefusedError, LoginRefusedError, NoAnswerError, startSkylogin } from 'skylogin';
import type { BadToken, Fault, LoggedIn, LoginAttempt, Mail, RecordedCall, Seed, SkyloginApp, Stub, User } from 'skylogin';
import { useSkylogin } from 'skylogin/node-test';

const skylogin: SkyloginApp = useSkylogin({ seed: { users: [{ sub: 'seeded', roles: ['editor'] }] } });

test('an app has keys and a URL', () => {
  const keys: string[] = [skylogin.apiKey, skylogin.masterKey, skylogin.secret];
  assert.equal(new Set(keys).size, 3);
  assert.ok(skylogin.url.endsWith(`/apps/${skylogin.name}/`));
  assert.ok(skylogin.portal.endsWith(`/portal/apps/${skylogin.name}/`));
});

test('a user logs in', async () => {
  const token: string = await skylogin.token('alice', {
    profile: { name: 'Alice' },
    expiresIn: 60,
    algorithm: 'HS384',
    claims: { jti: '1' },
  });
  const alice: LoggedIn = await skylogin.loginWith(token);
  assert.equal(alice.profile.name, 'Alice');
  assert.equal(alice.record._id, `user/${alice.userId}`);
  assert.deepEqual([alice.roles, alice.lastLoginAt, alice.lastSeenAt], [[], null, null]);

  const again: LoggedIn = await skylogin.login('alice');
  assert.equal(again.userId, alice.userId);
  assert.ok(again.lastLoginAt instanceof Date && again.lastSeenAt instanceof Date);

  const me: { user_id: string } = await skylogin.call('me', { access_token: again.accessToken });
  assert.equal(me.user_id, alice.userId);
});

test('a refused login says why', async () => {
  const kind: BadToken = 'expired';
  await assert.rejects(skylogin.login('alice', { bad: kind }), (error: unknown) => {
    assert.ok(error instanceof LoginRefusedError && error instanceof CallRefusedError);
    const { status, error: sent, reason, explanation } = error;
    assert.deepEqual([status, sent.name, sent.code, reason], [400, 'BadRequest', 107, 'expired']);
    assert.match(explanation, /^expired 3600 s ago: /);
    return error.message.includes(explanation);
  });
  const [attempt]: LoginAttempt[] = await skylogin.logins.refused();
  assert.ok(attempt);
  assert.equal(attempt.reason, 'expired');
  assert.ok(attempt.at instanceof Date);
  assert.match(String(attempt), / {2}alice {2}refused expired: expired 3600 s ago: /);
});

test('login attempts can be waited for', async () => {
  const waiting: Promise<LoginAttempt> = skylogin.logins.waitFor({ subject: 'bob', accepted: true });
  await skylogin.login('alice');
  const { userId } = await skylogin.login('bob', { profile: { name: 'Bob' } });
  const { profile, claimNames, header, secretId, status } = await waiting;
  assert.deepEqual([profile?.name, header.alg, status], ['Bob', 'HS256', 200]);
  assert.ok(claimNames.includes('skyprofile') && secretId);

  assert.equal((await skylogin.logins.last())?.userId, userId);
  assert.equal((await skylogin.logins.all({ userId })).length, 1);
  assert.equal((await skylogin.logins.accepted()).length, 2);
  const missing = skylogin.logins.waitFor({ subject: 'carol' }, { timeoutSeconds: 0.2 });
  await assert.rejects(missing, /no login attempt with subject "carol" in 0.2 s; there were:\n.* {2}bob {2}/s);
});

test('users can be added and changed', async () => {
  const alice: User = await skylogin.users.add('alice', { profile: { name: 'Alice' }, roles: ['a'] });
  assert.deepEqual([alice.profile, alice.roles, alice.lastLoginAt], [{ name: 'Alice' }, ['a'], null]);
  await alice.edit({ name: null, city: 'Hong Kong' });
  await alice.setRoles('editor', 'writer');
  await alice.disable({ message: 'too loud', until: new Date('2100-01-01T00:00:00Z') });
  const changed = await skylogin.users.get('alice');
  assert.deepEqual(changed?.profile, { city: 'Hong Kong' });
  assert.deepEqual([...changed.roles].sort(), ['editor', 'writer']);
  assert.deepEqual([changed.disabled, changed.disabledMessage], [true, 'too loud']);
  assert.equal(changed.disabledUntil?.getUTCFullYear(), 2100);
  await assert.rejects(skylogin.login('alice'), { status: 403, reason: 'user_disabled' });
  await alice.enable();
  await skylogin.login('alice');
  await alice.signOut();
  assert.ok((await skylogin.users.get('alice'))?.signedOutAt);
  await alice.delete();
  assert.equal(await skylogin.users.get('alice'), undefined);
});

test('each test begins with the seed', async () => {
  assert.deepEqual((await skylogin.users.list()).map((user) => user.sub), ['seeded']);
  const seed: Seed = await skylogin.export();
  assert.deepEqual(seed.users?.map((user) => user.roles), [['editor']]);
  const wrong = skylogin.seed({ users: [{ sub: 'bob', roles: ['x', 'x\u0000'] }] });
  await assert.rejects(wrong, (error: unknown) => {
    assert.ok(error instanceof AdminError);
    return error.status === 422 && error.errors.length > 0;
  });
});

test('the clock can be set', async () => {
  const noon = new Date('2030-01-01T12:00:00Z');
  assert.deepEqual(await skylogin.clock.freeze(noon), noon);
  assert.deepEqual(await skylogin.clock.advance(60), new Date('2030-01-01T12:01:00Z'));
  assert.deepEqual(await skylogin.clock.advance({ hours: -1, minutes: 59 }), noon);
  assert.deepEqual(await skylogin.clock.now(), noon);
  assert.deepEqual(await skylogin.clock.freeze('2031-01-01T12:00:00+08:00'), new Date('2031-01-01T04:00:00Z'));
  await assert.rejects(skylogin.clock.set('noon'), /^RangeError: noon is not a time/);
  await assert.rejects(skylogin.clock.set('2031-01-01T12:00:00'), /is not a time with its zone/);
  assert.ok((await skylogin.clock.unfreeze()) >= noon);
  assert.ok((await skylogin.clock.set(new Date('2040-01-01T00:00:00Z'))).getUTCFullYear() === 2040);
  assert.ok((await skylogin.clock.reset()).getUTCFullYear() < 2040);
});

test('calls can be made to fail', async () => {
  const action = 'sso:custom_token:login';
  const fault: Fault = await skylogin.faults.error('ResourceNotFound', { message: 'gone', action, calls: 2 });
  await assert.rejects(skylogin.login('alice'), { reason: 'fault', status: 404 });
  const [active] = await skylogin.faults.list();
  assert.deepEqual([active?.id, active?.callsLeft, active?.struck], [fault.id, 1, 1]);
  await active?.end();
  await skylogin.faults.drop({ action, after: true });
  await assert.rejects(skylogin.login('alice'), NoAnswerError);
  await skylogin.faults.truncate({ action });
  await assert.rejects(skylogin.login('alice'), NoAnswerError);
  await skylogin.faults.status(502, { expiresIn: 60 });
  await assert.rejects(skylogin.login('alice'), { status: 502, error: {} });
  await skylogin.faults.databaseBusy({ probability: 1, seed: 7 });
  await skylogin.faults.latency(0.01, { action: 'me' });
  await skylogin.faults.clear();
  await skylogin.faults.rate(1, 60, { action });
  await skylogin.login('alice');
  await assert.rejects(skylogin.login('alice'), { status: 429 });
  await skylogin.faults.clear();
  await skylogin.login('alice');
});

test('what is not emulated can be answered', async () => {
  const action = 'hello:world';
  const hi: Stub = await skylogin.stubs.answer(action, { greeting: 'hi' }, { arguments: { name: 'alice' } });
  await skylogin.stubs.fail('push:*', 'ResourceNotFound', { message: 'no device', times: 1, keyRequired: true });
  const waiting: Promise<RecordedCall> = skylogin.calls.waitFor(action, { arguments: { name: 'alice' } });
  assert.deepEqual(await skylogin.call(action, { args: { name: 'alice', age: 7 } }), { greeting: 'hi' });
  await assert.rejects(skylogin.call('push:user'), { status: 404, error: { name: 'ResourceNotFound', code: 110, message: 'no device' } });
  await assert.rejects(skylogin.call(action, { args: { name: 'bob' } }), { reason: 'not_emulated' });
  const call = await waiting;
  assert.deepEqual([call.arguments, call.status, call.stubId], [{ name: 'alice', age: 7 }, 200, hi.id]);
  assert.ok(call.at instanceof Date);
  assert.deepEqual((await skylogin.calls.all('push:*')).map((one) => one.error), ['ResourceNotFound']);
  const [unmatched] = await skylogin.calls.unmatched();
  assert.match(unmatched?.explanation ?? '', /arguments.name is "bob", not "alice"/);
  await assert.rejects(skylogin.calls.waitFor('hello:moon', { timeoutSeconds: 0.1 }), /^Error: in 0.1 s: /);
  const stubs = await skylogin.stubs.list();
  assert.deepEqual(stubs.map((stub) => [stub.action, stub.used]), [[action, 1], ['push:*', 1]]);
  await hi.remove();
  await skylogin.stubs.clear();
  await skylogin.calls.clear();
  assert.deepEqual([await skylogin.stubs.list(), await skylogin.calls.all()], [[], []]);
});

test('a forgotten password is mailed to nobody', async () => {
  const email = 'alice@example.com';
  await skylogin.users.add('alice', { profile: { email } });
  const waiting: Promise<Mail> = skylogin.outbox.waitFor({ to: email });
  await skylogin.call('user:forgot-password', { args: { email } });
  const { kind, to, code, userId, expiresAt } = await waiting;
  assert.deepEqual([kind, to], ['reset', email]);
  const args = { code, user_id: userId, expire_at: expiresAt.getTime() / 1000, new_password: 'battery staple' };
  await skylogin.call('user:reset-password', { args });
  assert.deepEqual((await skylogin.outbox.all()).map((mail) => mail.used), [true]);
  const missing = skylogin.outbox.waitFor({ to: 'bob@example.com' }, { timeoutSeconds: 0.1 });
  await assert.rejects(missing, /^Error: no mail to bob@example.com in 0.1 s; to alice@example.com$/);
  await skylogin.outbox.clear();
  assert.deepEqual(await skylogin.outbox.all(), []);
});

test('an app can be saved and restored', async () => {
  await skylogin.login('alice');
  await skylogin.snapshot('with alice'.replace(' ', '-'));
  await skylogin.reset();
  assert.equal(await skylogin.users.get('alice'), undefined);
  await skylogin.restore('with-alice');
  assert.ok(await skylogin.users.get('alice'));
  await skylogin.forget('with-alice');
  const { snapshots } = await skylogin.admin('GET', 'snapshots');
  assert.deepEqual(snapshots, []);
});

test('another app of the server has its own users', async (t) => {
  const server = await startSkylogin({ url: new URL('/', skylogin.url).href, adminToken: skylogin.masterKey });
  const other = await server.app();
  t.after(() => other.delete());
  await other.login('alice');
  assert.equal(await skylogin.users.get('alice'), undefined);
  await server.close();
});

// @ts-expect-error A kind of bad token that does not exist.
const misspelt: BadToken = 'expird';
// @ts-expect-error A member that tokens do not have.
const unknown = () => skylogin.token('alice', { expires: 60 });
void [misspelt, unknown];
