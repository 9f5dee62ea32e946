# frozen_string_literal: true

require 'auth_server_for_tests'
require 'client'
require 'skylogin/minitest'

# Tests of the whole login: password, custom token, Skygear.
class LoginTest < Minitest::Test
  include AuthServerForTests
  include Skylogin::Minitest

  BAD_REQUEST = 107

  def setup
    @client = client_of(start_auth_server(skylogin.secret))
  end

  def client_of(auth_server)
    Client.new(auth_server: auth_server, endpoint: skylogin.url, api_key: skylogin.api_key)
  end

  def test_a_user_of_the_auth_server_becomes_a_user_of_skygear
    answer = @client.log_in('alice', 'correct horse')

    assert_equal 'alice', answer['profile']['username']
    assert_equal 'alice@example.com', answer['profile']['email']
    assert_equal answer['user_id'], skylogin.users['u-1001'].id
  end

  def test_each_login_gives_the_same_user
    first, second = Array.new(2) { @client.log_in('alice', 'correct horse')['user_id'] }
    other = @client.log_in('bob', 'battery staple')['user_id']

    assert_equal first, second
    refute_equal first, other
  end

  def test_a_wrong_password_never_reaches_skygear
    assert_raises(Client::Refused) { @client.log_in('alice', 'wrong') }

    assert_empty skylogin.logins.to_a
  end

  def test_an_expired_token_is_refused
    token = @client.fetch_custom_token('alice', 'correct horse')
    @client.log_in_with_token(token)

    skylogin.clock.advance(3601)

    refused = assert_raises(Client::Refused) { @client.log_in_with_token(token) }
    assert_equal BAD_REQUEST, refused.code
    assert_equal 'expired', skylogin.logins.wait_for(subject: 'u-1001', accepted: false).reason
  end

  def test_a_token_issued_in_the_future_is_refused
    skylogin.clock.freeze(Time.utc(2026, 1, 1))

    assert_raises(Client::Refused) { @client.log_in('alice', 'correct horse') }

    attempt = skylogin.logins.wait_for(subject: 'u-1001')
    assert_equal 'issued_in_future', attempt.reason
    assert_equal Time.utc(2026, 1, 1), attempt.at
  end

  def test_a_token_signed_with_another_secret_is_refused
    other = client_of(start_auth_server('not the secret of Skygear'))

    assert_raises(Client::Refused) { other.log_in('bob', 'battery staple') }

    assert_equal 'signature_wrong', skylogin.logins.last.reason
  end

  def test_a_disabled_user_is_refused
    skylogin.users.add('u-1001').disable('too loud')

    refused = assert_raises(Client::Refused) { @client.log_in('alice', 'correct horse') }

    assert_equal 403, refused.status
  end

  def test_a_test_can_log_in_without_the_auth_server
    carol = skylogin.log_in('carol', profile: { username: 'carol' })

    assert_equal 'carol', carol.profile['username']
    assert_equal carol.user_id, skylogin.users['carol'].id
  end

  def test_a_bad_token_is_refused
    tampered = skylogin.mint('carol', bad: :tampered)

    assert_raises(Client::Refused) { @client.log_in_with_token(tampered) }
  end
end
