# frozen_string_literal: true

require 'skylogin/app'
require 'skylogin/http'
require 'skylogin/proxies'
require 'skylogin/server_process'

module Skylogin
  # A running `skylogin dev`: the one at SKYLOGIN_URL, the one of `skylogin exec`, or else one
  # that is started here and stopped by #close.
  class Server
    DEFAULT_MASTER_KEY = 'secret'

    # Start a server, close it after the block, and return what the block returns.
    def self.open(settings = {})
      server = new(settings)
      begin
        yield server
      ensure
        server.close
      end
    end

    # The server's URL. It ends with a slash.
    attr_reader :url

    # Start or find a server with some settings, by their variables. Raises ServerError.
    def initialize(settings = {})
      @settings = settings.to_h { |name, value| [name.to_s, value.to_s] }
      @maker = Process.pid
      if given('SKYLOGIN_URL')
        connect(given('SKYLOGIN_URL'), DEFAULT_MASTER_KEY)
      elsif given('SKYLOGIN_APP') && given('SKYGEAR_ENDPOINT')
        # Without SKYLOGIN_APP, the SKYGEAR_ variables are about the project's own Skygear server.
        connect(given('SKYGEAR_ENDPOINT'), given('SKYGEAR_MASTER_KEY') || DEFAULT_MASTER_KEY)
      else
        @process = ServerProcess.new(@settings)
        use(*@process.facts.values_at('url', 'master_key'))
      end
      # For the code under test.
      ENV.update(Proxies.exceptions_for(@url, ENV))
    end

    # Return the app with a name of lower-case letters, digits and dashes. An app that does
    # not exist is created.
    def app(name)
      App.new(url, @http, name)
    end

    # Stop the server, if this process started it here.
    def close
      @process&.close if Process.pid == @maker
    end

    private

    def given(variable)
      value = ENV.fetch(variable, '')
      value unless value.empty?
    end

    def use(url, master_key)
      @url = url.end_with?('/') ? url : "#{url}/"
      token = @settings['SKYLOGIN_ADMIN_TOKEN'] || given('SKYLOGIN_ADMIN_TOKEN')
      @http = Http.new(@url, token || master_key)
    end

    def connect(url, master_key)
      unless url.start_with?('http://', 'https://')
        raise ServerError, "#{url} is not the URL of a server, such as http://127.0.0.1:3000/"
      end

      use(url, master_key)
      check_settings
    rescue ConnectionError, AdminError, URI::InvalidURIError => e
      raise ServerError, "the server #{url} cannot be used: #{e.message}"
    end

    def check_settings
      rows = @http.ask('GET', 'settings')['settings']
      actual = rows.to_h { |row| row.values_at('variable', 'value') }
      wrong = @settings.reject { |name, value| actual[name] == value }
      return if wrong.empty?

      said = wrong.map { |name, value| "#{name} is #{actual[name]}, the tests ask for #{value}" }
      raise ServerError, "the server #{url} has other settings: #{said.join('; ')}"
    end
  end
end
