# frozen_string_literal: true

require 'json'
require 'minitest/autorun'
require 'auth_server'

# Auth servers that stop when the test ends.
module AuthServerForTests
  USERS = JSON.parse(File.read(File.expand_path('../users.json', __dir__))).freeze

  def start_auth_server(secret)
    server = AuthServer.new(users: USERS, secret: secret)
    thread = Thread.new { server.run }
    Thread.pass until server.running? || !thread.alive?
    (@auth_servers ||= []) << [server, thread]
    server.url
  end

  def teardown
    (@auth_servers || []).each do |server, thread|
      server.stop
      thread.join
    end
    super
  end
end
