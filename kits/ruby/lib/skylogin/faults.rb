# frozen_string_literal: true

module Skylogin
  # A fault as it was at the time of the look-up: +struck+ is the number of calls it affected.
  Fault = Struct.new(:app, :id, :kind, :action, :calls_left, :struck, keyword_init: true) do
    # Remove the fault.
    def end
      app.admin('DELETE', "faults/#{id}")
    end
  end

  # The faults of an app. Each affects the next call of an action, '*' for any, and then ends. All
  # take the options of docs/controls.md, such as +calls+.
  class Faults
    include Enumerable

    def initialize(app)
      @app = app
    end

    # Delay the answer.
    def latency(seconds, action = '*', **options)
      add('latency', action, seconds: seconds.to_f, **options)
    end

    # Refuse the call with an error of Skygear, such as 'ResourceNotFound'.
    def error(name, action = '*', **options)
      add('error', action, error: name, **options)
    end

    # Answer with a status and no body, as a proxy would.
    def status(status, action = '*', **options)
      add('status', action, status: status, **options)
    end

    # Close the connection without an answer; with +after+, carry the call out first.
    def drop(action = '*', **options)
      add('drop', action, **options)
    end

    # Close the connection in the middle of the answer; the call is carried out.
    def truncate(action = '*', **options)
      add('truncate', action, **options)
    end

    # Refuse the call as if the database stayed busy.
    def database_busy(action = '*', **options)
      add('database_busy', action, **options)
    end

    # Answer with 429 after +limit+ calls in +window+ seconds of the app's clock, until it is ended.
    def rate(limit, window, action = '*', **options)
      add('rate', action, limit: limit, window: window, **options)
    end

    def add(kind, action = '*', **options)
      read(@app.admin('POST', 'faults', { kind: kind, action: action, **options }))
    end

    # Yield each fault in force.
    def each(&block)
      @app.admin('GET', 'faults')['faults'].map { |row| read(row) }.each(&block)
    end

    # Remove all faults.
    def clear
      @app.admin('DELETE', 'faults')
    end

    private

    def read(row)
      parts = Fault.members - [:app]
      Fault.new(app: @app, **parts.to_h { |part| [part, row[part.to_s]] })
    end
  end
end
