# frozen_string_literal: true

require 'auth_server_for_tests'
require 'net/http'

# Tests of the auth server alone: who gets a token, and what the token contains.
class AuthServerTest < Minitest::Test
  include AuthServerForTests

  SECRET = 'a secret that only these tests know'

  def setup
    @url = URI("#{start_auth_server(SECRET)}custom-token")
  end

  def ask(username, password)
    send_request(Net::HTTP::Post.new(@url).tap { |request| request.basic_auth(username, password) })
  end

  def send_request(request)
    request.content_type = 'application/json'
    Net::HTTP.start(@url.host, @url.port) { |http| http.request(request) }
  end

  def test_a_user_gets_a_custom_token
    response = ask('alice', 'correct horse')

    claims, = JWT.decode(JSON.parse(response.body)['token'], SECRET, true, algorithm: 'HS256')
    assert_equal 'u-1001', claims['sub']
    assert_equal 3600, claims['exp'] - claims['iat']
    assert_equal({ 'username' => 'alice', 'email' => 'alice@example.com' }, claims['skyprofile'])
    assert_equal 'no-store', response['Cache-Control']
  end

  def test_wrong_credentials_are_refused
    [%w[alice wrong], ['eve', 'correct horse'], ['', ''], ["\xff", 'x']].each do |credentials|
      assert_equal '401', ask(*credentials).code
    end
  end

  def test_without_credentials_they_are_asked_for
    response = send_request(Net::HTTP::Post.new(@url))

    assert_equal '401', response.code
    assert_match(/\ABasic /, response['WWW-Authenticate'])
  end

  def test_a_token_needs_a_post
    assert_equal '405', send_request(Net::HTTP::Get.new(@url)).code
  end
end
