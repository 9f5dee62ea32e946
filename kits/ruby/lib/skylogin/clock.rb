# frozen_string_literal: true

require 'time'

module Skylogin
  # The clock of an app, which shows the system's time until a test moves it. Each method returns
  # the time that it then shows.
  class Clock
    # Return the time in a text of the server, nil in nil.
    def self.time(text)
      text && Time.iso8601(text)
    end

    # Return a time as the server reads it. It may be a Time, or what has to_time.
    def self.text(time)
      time.to_time.getutc.iso8601(6)
    end

    def initialize(app)
      @app = app
    end

    def now
      ask('GET', 'clock')
    end

    # Stop the clock, now or +at+ a time.
    def freeze(at = nil)
      put(at, frozen: true)
    end

    # Let the clock continue from the time that it shows.
    def unfreeze
      put(nil, frozen: false)
    end

    # Set the clock, which continues from there.
    def set(at)
      put(at, frozen: false)
    end

    # Advance the clock by +seconds+; a negative number moves it back.
    def advance(seconds)
      ask('POST', 'clock/advance', seconds: seconds.to_f)
    end

    # Reset the clock to the system's time.
    def reset
      ask('DELETE', 'clock')
    end

    private

    def put(at, frozen:)
      ask('PUT', 'clock', { frozen: frozen, now: at && Clock.text(at) }.compact)
    end

    def ask(method, path, body = nil)
      Clock.time(@app.admin(method, path, body)['now'])
    end
  end
end
