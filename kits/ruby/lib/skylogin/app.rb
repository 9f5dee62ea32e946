# frozen_string_literal: true

require 'json'
require 'skylogin/calls'
require 'skylogin/clock'
require 'skylogin/faults'
require 'skylogin/http'
require 'skylogin/logins'
require 'skylogin/outbox'
require 'skylogin/stubs'
require 'skylogin/users'
require 'time'

module Skylogin
  # The result of a login. +profile+ has the app's own fields, +record+ all of them.
  LoggedIn = Struct.new(
    :user_id, :access_token, :profile, :record, :roles, :last_login_at, :last_seen_at,
    keyword_init: true
  ) do
    # Show the login without its access token.
    def inspect
      "#<Skylogin::LoggedIn user_id=#{user_id} profile=#{profile} roles=#{roles}>"
    end
    alias_method :to_s, :inspect
  end

  # One app of a server, as a test sees it. Each app has its own users, login attempts, clock and faults.
  #
  # The server is asked each time, so nothing is ever stale.
  class App
    LOGIN = 'sso:custom_token:login'

    attr_reader :name, :users, :logins, :clock, :faults, :stubs, :calls, :outbox

    def initialize(server, http, name)
      @server = server
      @http = http
      @name = name
      @users = Users.new(self)
      @logins = Logins.new(self)
      @clock = Clock.new(self)
      @faults = Faults.new(self)
      @stubs = Stubs.new(self)
      @calls = Calls.new(self)
      @outbox = Outbox.new(self)
      # This request creates an app that does not exist.
      @clock.now
      @facts = @http.ask('GET', path)
    end

    # Return the endpoint for Skygear's SDKs. It ends with a slash.
    def url
      URI.join(@server, @facts['path']).to_s
    end

    # Return the URL of the app in the portal.
    def portal
      "#{@server}portal/apps/#{name}/"
    end

    # Return the API key for clients.
    def api_key
      @facts['api_key']
    end

    def master_key
      @facts['master_key']
    end

    # Return the secret that signs custom tokens: your server's CUSTOM_TOKEN_SECRET.
    def secret
      accepted = admin('GET', 'secrets')['secrets'].find { |one| one['accepted'] }
      raise Error, "the app #{name} accepts no secret" unless accepted

      admin('GET', "secrets/#{accepted['id']}")['secret']
    end

    # Return a custom token, issued now by the app's clock and valid for an hour. +bad+ is a kind
    # of token that is refused, such as :expired; +claims+ are added, or replace others.
    def mint(sub, profile: nil, expires_in: nil, algorithm: nil, claims: nil, bad: nil)
      body = { sub: sub, skyprofile: profile, expires_in: expires_in, algorithm: algorithm }
      admin('POST', 'tokens', body.merge(claims: claims, bad: bad).compact)['token']
    end

    # Log in with a new token. Raises Refused.
    def log_in(sub, **token)
      log_in_with(mint(sub, **token))
    end

    # Log in with a token. Raises Refused.
    def log_in_with(token)
      result = call(LOGIN, token: token)
      record = result['profile']
      LoggedIn.new(
        user_id: result['user_id'], access_token: result['access_token'],
        profile: User.profile_of(record), record: record, roles: result.fetch('roles', []),
        last_login_at: Clock.time(result['last_login_at']),
        last_seen_at: Clock.time(result['last_seen_at'])
      )
    end

    # Return the result of any action, called as a client would. +access_token+ is the user's.
    # Raises Refused, and ConnectionError if the answer is missing or incomplete.
    def call(action, with_master_key: false, **payload)
      key = with_master_key ? master_key : api_key
      body = { api_key: key, **payload, action: action }
      response = Http.send_json('POST', URI(url), body)
      answer = Http.object_in(response)
      return answer['result'] if response.is_a?(Net::HTTPOK)

      error = answer['error'].is_a?(Hash) ? answer['error'] : {}
      raise Refused.new(Integer(response.code), error, response['X-Skylogin-Reason'].to_s)
    end

    # Add the users and stubs of a seed: a hash, or the path of a file in YAML or JSON.
    def seed(seed)
      seed = { file: seed.to_s, text: File.read(seed, encoding: 'UTF-8') } unless seed.is_a?(Hash)
      admin('POST', 'seed', seed)
    end

    # Return the users as a seed.
    def export
      admin('GET', 'seed')
    end

    # Save the app with its clock under a name. A reset keeps it.
    def snapshot(snapshot)
      admin('POST', 'snapshots', name: snapshot)
    end

    # Restore the app as it was saved. Faults end.
    def restore(snapshot)
      admin('POST', "snapshots/#{Http.quoted(snapshot)}/restore")
    end

    # Delete what was saved. An app can have at most 20 snapshots.
    def forget(snapshot)
      admin('DELETE', "snapshots/#{Http.quoted(snapshot)}")
    end

    # Remove everything but the keys, the secret and the snapshots. With +project+, add the users,
    # roles and stubs of skylogin.yaml, as before each test.
    def reset(project: false)
      admin('POST', 'reset', project: project)
    end

    # Delete the app.
    def delete
      @http.ask('DELETE', path)
    end

    # Ask the admin API for anything else about this app; see /_admin/v1/openapi.json. Raises
    # AdminError.
    def admin(method, below, body = nil)
      @http.ask(method, "#{path}/#{below}", body)
    end

    # Return all rows of a list of the admin API, which gives them in pages.
    def rows(list, **query)
      rows = []
      query = query.compact.merge(limit: 200)
      loop do
        page = admin('GET', "#{list}?#{URI.encode_www_form(query)}")
        query[:cursor] = page.delete('next_cursor')
        rows.concat(*page.values)
        return rows unless query[:cursor]
      end
    end

    def inspect
      "#<Skylogin::App #{name} at #{@server}>"
    end

    private

    def path
      "apps/#{Http.quoted(name)}"
    end
  end
end
