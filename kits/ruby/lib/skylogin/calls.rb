# frozen_string_literal: true

require 'skylogin/errors'
require 'skylogin/row'

module Skylogin
  # A call of a client, with '…' for secrets. +arguments+ are the args of a cloud function, or the
  # members of another action's payload; +left_out+ says why they are not here. +status+ is nil
  # until the call is answered, +stub_id+ unless a stub answered it.
  Call = Struct.new(
    :id, :at, :action, :arguments, :left_out, :key, :user_id, :status, :error, :reason,
    :explanation, :stub_id,
    keyword_init: true
  ) do
    extend Row
  end

  # The calls of clients since the app was reset, the oldest first.
  class Calls
    include Enumerable

    # The longest time for which one request waits at the server.
    WAIT_SECONDS_MAX = 5

    def initialize(app)
      @app = app
    end

    def each(&block)
      find_all_of.each(&block)
    end

    # Return the calls of an action; 'push:*' stands for every action that begins with 'push:'.
    def of(action)
      find_all_of("?#{URI.encode_www_form(action: action)}")
    end

    # Return the calls that nothing answered.
    def unmatched
      select { |call| call.reason == 'not_emulated' }
    end

    # Return the first answered call that matches, past or within +timeout+ seconds. Raises
    # TimeoutError, which says which call came closest.
    def wait_for(action, arguments: nil, timeout: 5)
      wanted = { action: action, arguments: arguments }.compact
      left = timeout
      loop do
        answer = @app.admin('POST', 'calls/wait', timeout: [left, WAIT_SECONDS_MAX].min, **wanted)
        return Call.read(answer['call']) if answer['call']

        left -= WAIT_SECONDS_MAX
        raise TimeoutError, "in #{timeout} s: #{answer['explanation']}" unless left.positive?
      end
    end

    # Delete the recorded calls.
    def clear
      @app.admin('DELETE', 'calls')
    end

    private

    def find_all_of(query = '')
      @app.admin('GET', "calls#{query}")['calls'].map { |row| Call.read(row) }
    end
  end
end
