# frozen_string_literal: true

module Skylogin
  # A stub as it was at the time of the look-up: +used+ is the number of calls that it has answered.
  Stub = Struct.new(:app, :id, :action, :arguments, :times, :delay, :used, keyword_init: true) do
    def remove
      app.admin('DELETE', "stubs/#{id}")
    end
  end

  # Answers to actions that skylogin does not emulate, such as cloud functions. The action 'push:*'
  # stands for every action that begins with 'push:'. All take the options of docs/controls.md: +arguments+,
  # +times+, +delay+, +key_required+ and +user_required+.
  class Stubs
    include Enumerable

    def initialize(app)
      @app = app
    end

    # Answer calls with a result, any JSON.
    def answer(action, result = nil, **options)
      add(action: action, result: result, **options)
    end

    # Answer calls with an error: the name of one of Skygear, or any code. It may have a +message+
    # and +info+.
    def fail(action, error, **options)
      add(action: action, error: error, **options)
    end

    # Yield each stub.
    def each(&block)
      @app.admin('GET', 'stubs')['stubs'].map { |row| read(row) }.each(&block)
    end

    # Remove all stubs.
    def clear
      @app.admin('DELETE', 'stubs')
    end

    private

    def add(body)
      read(@app.admin('POST', 'stubs', body))
    end

    def read(row)
      parts = Stub.members - [:app]
      Stub.new(app: @app, **parts.to_h { |part| [part, row[part.to_s]] })
    end
  end
end
