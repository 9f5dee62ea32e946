# frozen_string_literal: true

require 'test_helper'
require 'pathname'
require 'tmpdir'

class AppTest < Minitest::Test
  include Skylogin::Minitest

  LOGIN = 'sso:custom_token:login'
  ALICE = { 'username' => 'alice' }.freeze
  BAD = %w[
    expired not_yet wrong_secret wrong_algorithm unsigned tampered no_sub empty_sub long_sub no_iat
    no_exp bad_profile malformed
  ].freeze

  def mint(sub, **token)
    skylogin.mint(sub, claims: { iss: 'shop' }, profile: ALICE, **token)
  end

  def log_in(sub)
    skylogin.log_in_with(mint(sub))
  end

  def refusal(&block)
    assert_raises(Skylogin::Refused, &block)
  end

  def test_a_user_logs_in
    first, second = Array.new(2) { log_in('alice') }

    assert_equal ALICE, first.profile
    assert_equal "user/#{first.user_id}", first.record['_id']
    assert_nil first.last_login_at
    assert_operator second.last_login_at, :<=, skylogin.clock.now
    assert_equal first.user_id, skylogin.call('me', access_token: second.access_token)['user_id']
    refute_includes "#{first} #{first.inspect}", first.access_token
  end

  def test_a_refused_login_says_why
    refused = refusal { skylogin.log_in('alice', profile: ALICE) }

    assert_equal [400, 'BadRequest', 107], [refused.status, refused.name, refused.code]
    assert_equal 'issuer_wrong', refused.reason
    assert_includes refused.message, refused.explanation
    attempt = skylogin.logins.last
    assert_equal ALICE, attempt.profile
    assert_equal [attempt], skylogin.logins.refused
    assert_empty skylogin.logins.accepted
  end

  def test_bad_tokens_are_refused
    BAD.each { |kind| refusal { skylogin.log_in_with(mint('alice', bad: kind)) } }

    assert_equal BAD.size, skylogin.logins.count
  end

  def test_a_token_has_what_it_is_told
    skylogin.log_in_with(mint('alice', algorithm: 'HS512', expires_in: 300))

    attempt = skylogin.logins.wait_for(subject: 'alice')
    assert_equal 'HS512', attempt.algorithm
    assert_equal 300, attempt.claims['exp'] - attempt.claims['iat']
  end

  def test_waiting_in_vain_lists_what_there_was
    refusal { skylogin.log_in("eve\n") }

    error = assert_raises(Skylogin::TimeoutError) do
      skylogin.logins.wait_for(accepted: true, timeout: 0)
    end
    assert_includes error.message, 'eve\x0a  refused issuer_wrong'
    assert_equal 'issuer_wrong', skylogin.logins.wait_for(accepted: false).reason
    assert_raises(Skylogin::AdminError) { skylogin.logins.wait_for(reason: 'no reason') }
  end

  def test_a_reset_removes_users_and_attempts
    before = log_in('alice')
    skylogin.faults.drop
    skylogin.clock.freeze(Time.utc(1980))

    skylogin.reset

    assert_nil skylogin.logins.last
    assert_equal 'none', skylogin.logins.to_s
    assert_empty skylogin.faults.to_a
    refute_equal before.user_id, log_in('alice').user_id
  end

  def test_the_clock_moves
    day = Time.utc(2030, 1, 1, 0, 0, Rational('0.123456'))
    assert_equal day, skylogin.clock.freeze(day)
    assert_equal day + Rational('1.5'), skylogin.clock.advance(1.5)
    assert_equal day, skylogin.clock.advance(-1.5)
    assert_equal day, skylogin.clock.freeze
    assert_operator skylogin.clock.unfreeze, :>=, day
    assert_operator skylogin.clock.set(day), :>=, day
    assert_operator skylogin.clock.reset, :<, day
  end

  def test_calls_fail_as_asked
    token = mint('alice')
    faults = skylogin.faults
    call = -> { skylogin.log_in_with(token) }

    faults.drop(LOGIN)
    assert_raises(Skylogin::ConnectionError, &call)
    faults.truncate(LOGIN)
    assert_raises(Skylogin::ConnectionError, &call)
    faults.status(502, LOGIN)
    assert_equal [502, nil], refusal(&call).then { |refused| [refused.status, refused.name] }
    faults.error('ResourceNotFound', LOGIN)
    assert_equal 'ResourceNotFound', refusal(&call).name
    faults.database_busy(LOGIN)
    assert_equal 'UnexpectedError', refusal(&call).name
    faults.latency(0.001, LOGIN)
    call.call

    more = faults.drop(calls: 3)
    assert_equal [3, '*'], faults.map { |fault| [fault.calls_left, fault.action] }.first
    more.end
    faults.drop
    faults.clear
    assert_empty faults.to_a

    faults.rate(1, 60, LOGIN)
    call.call
    assert_equal 429, refusal(&call).status
  end

  def test_what_is_not_emulated_can_be_answered
    hi = skylogin.stubs.answer('hello:world', { greeting: 'hi' }, arguments: { name: 'alice' }, delay: 0.001)
    skylogin.stubs.fail('push:*', 'ResourceNotFound', message: 'no device', times: 1)

    assert_equal({ 'greeting' => 'hi' }, skylogin.call('hello:world', args: { name: 'alice', age: 7 }))
    failed = refusal { skylogin.call('push:user') }
    assert_equal [404, 'ResourceNotFound'], [failed.status, failed.name]
    assert_equal 'not_emulated', refusal { skylogin.call('push:user') }.reason
    refusal { skylogin.call('hello:world', args: { name: 'bob' }) }

    call = skylogin.calls.wait_for('hello:world', arguments: { name: 'alice' })
    assert_equal [{ 'name' => 'alice', 'age' => 7 }, 200, hi.id],
                 [call.arguments, call.status, call.stub_id]
    assert_kind_of Time, call.at
    assert_equal ['ResourceNotFound', 'UndefinedOperation'], skylogin.calls.of('push:*').map(&:error)
    assert_equal %w[push:user hello:world], skylogin.calls.unmatched.map(&:action)
    assert_includes skylogin.calls.to_a.last.explanation, 'arguments.name is "bob", not "alice"'
    error = assert_raises(Skylogin::TimeoutError) { skylogin.calls.wait_for('hello:moon', timeout: 0) }
    assert_match(/\Ain 0 s: ./, error.message)

    assert_equal [['hello:world', 1], ['push:*', 1]], skylogin.stubs.map { |stub| [stub.action, stub.used] }
    hi.remove
    assert_equal ['push:*'], skylogin.stubs.map(&:action)
    skylogin.stubs.clear
    skylogin.calls.clear
    assert_empty skylogin.stubs.to_a + skylogin.calls.to_a
  end

  def test_a_forgotten_password_is_mailed_to_nobody
    email = 'alice@example.com'
    skylogin.users.add('alice', profile: { email: email })
    skylogin.call('user:forgot-password', args: { email: email })

    mail = skylogin.outbox.wait_for(to: email)
    assert_equal ['reset', email, false], [mail.kind, mail.to, mail.used]
    assert_equal mail, skylogin.outbox.wait_for
    args = { code: mail.code, user_id: mail.user_id, expire_at: mail.expires_at.to_i }
    skylogin.call('user:reset-password', args: { **args, new_password: 'battery staple' })

    assert_equal [true], skylogin.outbox.map(&:used)
    error = assert_raises(Skylogin::TimeoutError) do
      skylogin.outbox.wait_for(to: 'bob@example.com', timeout: 0)
    end
    assert_equal "no mail to bob@example.com in 0 s; to #{email}", error.message
    skylogin.outbox.clear
    assert_empty skylogin.outbox.to_a
  end

  def test_users_can_be_seeded
    Dir.mktmpdir do |folder|
      File.write("#{folder}/users.json", '{"users": [{"sub": "carol", "roles": ["editor"]}]}')
      skylogin.seed("#{folder}/users.json")
      File.write("#{folder}/users.yaml", "users:\n- sub: erin\n")
      skylogin.seed(Pathname("#{folder}/users.yaml"))
      assert_equal 'erin', skylogin.users.fetch('erin').sub
      skylogin.users.fetch('erin').delete
      File.write("#{folder}/users.yaml", "users:\n- sub: [1]\n")
      refused = assert_raises(Skylogin::AdminError) { skylogin.seed("#{folder}/users.yaml") }
      assert_includes refused.message, 'users.yaml:2: users[0].sub: '
    end
    refused = assert_raises(Skylogin::AdminError) { skylogin.users.add('') }

    assert_equal 422, refused.status
    assert_includes refused.message, 'users[0].sub: is empty'
    assert_equal ['editor'], skylogin.users.fetch('carol').roles
    assert_equal(%w[carol], skylogin.export['users'].map { |user| user['sub'] })
    assert_nil skylogin.users['']
    assert_raises(KeyError) { skylogin.users.fetch('alice') }
  end

  def test_users_can_be_changed
    alice = skylogin.users.add('alice', profile: ALICE, roles: ['editor'])
    end_at = (skylogin.clock.now + 86_400).round(6)
    alice.disable('too loud', end_at: end_at)
    alice.replace_roles('reader')
    alice.edit(name: 'Alys')

    changed = skylogin.users['alice']
    assert_equal 403, refusal { log_in('alice') }.status
    assert_equal [true, 'too loud', end_at],
                 [changed.disabled, changed.disabled_message, changed.disabled_until]
    assert_equal [['reader'], 'Alys'], [changed.roles, changed.profile['name']]

    alice.enable
    alice.sign_out
    log_in('alice')
    assert_kind_of Time, skylogin.users['alice'].last_login_at
    alice.delete
    assert_empty skylogin.users.to_a
  end

  def test_the_app_can_be_saved_and_restored
    before = log_in('alice')
    skylogin.snapshot('one')
    skylogin.reset

    skylogin.restore('one')

    assert_equal before.user_id, log_in('alice').user_id
    skylogin.forget('one')
    assert_raises(Skylogin::AdminError) { skylogin.restore('one') }
  end

  def test_the_app_knows_its_keys
    assert_match(%r{\Ahttp://127\.0\.0\.1:\d+/apps/#{skylogin.name}/\z}, skylogin.url)
    assert_match(%r{/portal/apps/#{skylogin.name}/\z}, skylogin.portal)
    assert_operator skylogin.secret.length, :>=, 32
    disabling = { auth_id: log_in('alice').user_id, disabled: true }
    refusal { skylogin.call('auth:disable:set', **disabling) }
    skylogin.call('auth:disable:set', with_master_key: true, **disabling)
    assert skylogin.users['alice'].disabled
  end
end
