# frozen_string_literal: true

require 'monitor'
require 'securerandom'
require 'skylogin/app'
require 'skylogin/server'
require 'skylogin/version'

# A skylogin server for tests, and an app of it. For minitest, require `skylogin/minitest`; for
# RSpec, `skylogin/rspec`.
module Skylogin
  @lock = Monitor.new
  @settings = {}
  @apps = {}

  class << self
    # Settings of the server, by their variables.
    attr_reader :settings

    def settings=(settings)
      @lock.synchronize do
        raise Error, 'set the settings before the first test' if @server

        @settings = settings
      end
    end

    # Return the server of this process, which stops when the process ends. If it does not start, it is
    # not tried again for each test.
    def server
      @lock.synchronize do
        raise @problem if @problem

        @server ||= Server.new(settings).tap { at_exit { finish } }
      rescue ServerError => @problem
        raise
      end
    end

    # Return an app that no other process and no other thread of this one uses.
    def app
      @lock.synchronize do
        @apps[[Process.pid, Thread.current]] ||= server.app("test-#{SecureRandom.hex(6)}")
      end
    end

    # Return the login attempts of an app as text for the report of a failed test.
    def report(app, test)
      "skylogin: login attempts of #{test}:\n#{app.logins}"
    rescue ConnectionError, AdminError => e
      "skylogin: no login attempts can be had: #{e.message}"
    end

    private

    # A forked process leaves the apps and the server to the process that started them.
    def finish
      @apps.each { |(pid, _), app| delete(app) if pid == Process.pid }
      @server.close
    end

    def delete(app)
      app.delete
    rescue ConnectionError, AdminError
      # A test may have deleted the app, or stopped the server.
    end
  end
end
