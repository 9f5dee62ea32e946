# frozen_string_literal: true

# An auth server with its own users. It gives a user who signs in (HTTP Basic) a custom
# token, which the app passes to Skygear's SDK.
#
#   POST /custom-token   Authorization: Basic …   {"token": …}
require 'json'
require 'jwt'
require 'securerandom'
require 'webrick'
require_relative 'passwords'

class AuthServer
  TOKEN_SECONDS = 3600
  # Checked for unknown users, so that a refusal takes as long as for a known one.
  UNKNOWN_USER = { 'password' => Passwords.hash(SecureRandom.hex) }.freeze

  # Create the server. +secret+ signs the custom tokens.
  def initialize(users:, secret:, port: 0)
    @users = users.to_h { |user| [user['username'], user] }
    @secret = secret
    quiet = WEBrick::Log.new($stderr, WEBrick::BasicLog::WARN)
    @server = WEBrick::HTTPServer.new(
      BindAddress: '127.0.0.1', Port: port, Logger: quiet, AccessLog: []
    )
    @server.mount_proc('/custom-token') { |request, response| custom_token(request, response) }
  end

  def url
    "http://127.0.0.1:#{@server.config[:Port]}/"
  end

  # Answer requests until the server is stopped.
  def run
    @server.start
  end

  def running?
    @server.status == :Running
  end

  # Stop a server that runs.
  def stop
    @server.shutdown
  end

  # Return a custom token, which skylogin or Skygear accepts as proof of who the user is.
  def self.issue_custom_token(user, secret)
    now = Time.now.to_i
    claims = {
      sub: user['id'],
      iat: now,
      exp: now + TOKEN_SECONDS,
      skyprofile: { username: user['username'], email: user['email'] }
    }
    JWT.encode(claims, secret, 'HS256')
  end

  private

  def custom_token(request, response)
    return answer(response, 405, error: 'send a POST') unless request.request_method == 'POST'

    user = signed_in(request)
    if user
      answer(response, 200, token: AuthServer.issue_custom_token(user, @secret))
    else
      response['WWW-Authenticate'] = 'Basic realm="auth server"'
      answer(response, 401, error: 'wrong user name or password')
    end
  end

  def signed_in(request)
    username, password = credentials(request['Authorization'])
    user = @users[username]
    is_right = Passwords.password?(password, (user || UNKNOWN_USER)['password'])
    user if is_right
  end

  def credentials(header)
    given = header.to_s[/\ABasic (\S+)\z/, 1].to_s.unpack1('m').force_encoding('UTF-8')
    return ['', ''] unless given.valid_encoding?

    username, _, password = given.partition(':')
    [username, password]
  end

  def answer(response, status, body)
    response.status = status
    response['Content-Type'] = 'application/json'
    response['Cache-Control'] = 'no-store'
    response.body = JSON.generate(body)
  end
end

if $PROGRAM_NAME == __FILE__
  secret = ENV['CUSTOM_TOKEN_SECRET'].to_s
  abort 'CUSTOM_TOKEN_SECRET is not set' if secret.empty?
  users = JSON.parse(File.read("#{__dir__}/users.json"))
  server = AuthServer.new(users: users, secret: secret, port: Integer(ENV.fetch('PORT', '4000')))
  %w[INT TERM].each { |signal| trap(signal) { server.stop } }
  puts server.url
  $stdout.flush
  server.run
end
