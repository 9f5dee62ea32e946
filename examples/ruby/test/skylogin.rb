# frozen_string_literal: true

# A skylogin server for integration tests: the one of `skylogin exec -- rake test`, or else
# one that this process starts. Copy this file into your project.
#
# Each test class can use its own app (`/apps/NAME/`): apps do not share users, clock or
# login log.
require 'io/wait'
require 'json'
require 'minitest'
require 'net/http'
require 'time'

class Skylogin
  START_SECONDS_MAX = 30
  PAUSE_SECONDS = 0.02

  # A refused call, with Skygear's name, code and message.
  class Refused < StandardError
    attr_reader :name, :code

    def initialize(error)
      super(error['message'])
      @name = error['name']
      @code = error['code']
    end
  end

  class << self
    # Return the app of that name, which has lower-case letters, digits and dashes.
    def app(name)
      new(name, running)
    end

    private

    def running
      @running ||= from_environment || start
    end

    def from_environment
      # Without SKYLOGIN_APP, the others are about the project's own Skygear server.
      return unless ENV['SKYLOGIN_APP']

      {
        'url' => ENV.fetch('SKYGEAR_ENDPOINT'),
        'api_key' => ENV.fetch('SKYGEAR_API_KEY'),
        'master_key' => ENV.fetch('SKYGEAR_MASTER_KEY'),
        'custom_token_secret' => ENV.fetch('CUSTOM_TOKEN_SECRET')
      }
    end

    # Start `skylogin dev` on a free port. It ends with this process, however that ends: its
    # standard input closes then.
    def start
      # Isolated, it takes nothing from the project's environment but SKYLOGIN_ variables.
      server = IO.popen(%w[skylogin dev --isolated --port 0 --exit-with-parent], 'r+')
      Minitest.after_run { server.close }
      raise 'skylogin did not start: it took too long' unless server.wait_readable(START_SECONDS_MAX)

      JSON.parse(server.gets || raise('skylogin did not start: it exited'))
    end
  end

  attr_reader :endpoint, :api_key, :secret, :clock

  def initialize(name, running)
    @endpoint = "#{running['url']}apps/#{name}/"
    @api_key = running['api_key']
    @secret = running['custom_token_secret']
    @master_key = running['master_key']
    @admin_url = "#{running['url']}_admin/v1/apps/#{name}/"
    @clock = Clock.new(self)
  end

  # Return a custom token for +subject+, valid by the app's clock unless +bad+ names a kind of
  # bad token.
  def mint(subject, profile: nil, expires_in: nil, claims: nil, bad: nil)
    body = { sub: subject, skyprofile: profile, expires_in: expires_in, claims: claims, bad: bad }
    admin('POST', 'tokens', body.compact)['token']
  end

  # Log in with a token for +subject+; return Skygear's answer: user_id, profile, access_token.
  def log_in(subject, **token)
    call('sso:custom_token:login', token: mint(subject, **token))
  end

  # Return the result of any action.
  def call(action, **payload)
    body = { action: action, api_key: @api_key, **payload }
    answer = JSON.parse(send_json('POST', @endpoint, body).body)
    raise Refused, answer['error'] if answer['error']

    answer['result']
  end

  # Return the newest login attempt that matches subject, reason and accepted. Waits for it
  # if necessary.
  def wait_for_login(timeout_seconds: 10, **filters)
    query = URI.encode_www_form(filters.merge(limit: 1))
    (timeout_seconds / PAUSE_SECONDS).ceil.times do
      attempt = admin('GET', "logins?#{query}")['attempts'].first
      return attempt if attempt

      sleep PAUSE_SECONDS
    end
    raise "no login attempt with #{query} in #{timeout_seconds} s"
  end

  # Reset the users, login log and clock of this app.
  def reset
    admin('POST', 'reset')
  end

  # Ask the admin API for anything else; see /_admin/v1/openapi.json.
  def admin(method, path, body = nil)
    response = send_json(method, @admin_url + path, body, 'Authorization' => "Bearer #{@master_key}")
    raise "#{method} #{path}: #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    JSON.parse(response.body) if response.body && !response.body.empty?
  end

  private

  def send_json(method, url, body, headers = {})
    uri = URI(url)
    text = JSON.generate(body) if body
    headers = { 'Content-Type' => 'application/json', **headers }
    # nil: not through a proxy.
    Net::HTTP.start(uri.host, uri.port, nil) { |http| http.send_request(method, uri.request_uri, text, headers) }
  end

  # The clock of an app.
  class Clock
    def initialize(app)
      @app = app
    end

    # Return the time, to the microsecond.
    def now
      Time.iso8601(@app.admin('GET', 'clock')['now'])
    end

    # Advance the clock by +seconds+; a negative number moves it back.
    def advance(seconds)
      @app.admin('POST', 'clock/advance', seconds: seconds)
    end

    # Stop the clock, at the Time +at+ or at the current time.
    def freeze(at = nil)
      set(frozen: true, now: at&.getutc&.iso8601(6))
    end

    # Let the clock continue from the time it shows.
    def unfreeze
      set(frozen: false)
    end

    private

    def set(**body)
      @app.admin('PUT', 'clock', body.compact)
    end
  end
end
