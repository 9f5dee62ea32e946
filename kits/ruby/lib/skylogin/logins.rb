# frozen_string_literal: true

require 'skylogin/errors'
require 'skylogin/row'

module Skylogin
  # A login attempt. +reason+ is a code of docs/wire.md; +claims+ contain no secrets.
  Attempt = Struct.new(
    :id, :at, :accepted, :reason, :explanation, :subject, :user_id, :status, :action, :algorithm,
    :header, :claims, :claim_names, :secret_id,
    keyword_init: true
  ) do
    extend Row

    # Return the token's skyprofile, nil if it had none or it was not kept.
    def profile
      claims['skyprofile']
    end

    # Return the attempt as one line without control characters.
    def to_s
      outcome = accepted ? 'accepted' : "refused #{reason}"
      who = subject.empty? ? '-' : subject
      line = "#{at.getutc.strftime('%F %T.%6N')}  #{who}  #{outcome}: #{explanation}"
      line.gsub(/[[:cntrl:]]/) { |one| format('\\x%02x', one.ord) }
    end
  end

  # The login attempts since the app was reset, the oldest first.
  class Logins
    include Enumerable

    PAUSE_SECONDS = 0.02

    def initialize(app)
      @app = app
    end

    def each(&block)
      find_all_of.each(&block)
    end

    def accepted
      find_all_of(accepted: true)
    end

    def refused
      find_all_of(accepted: false)
    end

    # Return the latest attempt, nil if there is none.
    def last
      find_all_of.last
    end

    # Return the first attempt that matches, past or within +timeout+ seconds. Raises
    # TimeoutError, which lists the attempts that did happen.
    def wait_for(subject: nil, reason: nil, accepted: nil, timeout: 5)
      wanted = { subject: subject, reason: reason, accepted: accepted }.compact
      deadline = now + timeout
      loop do
        found = find_all_of(**wanted).first and return found
        raise TimeoutError, "no login attempt with #{wanted} in #{timeout} s; there were:\n#{self}" if now >= deadline

        sleep PAUSE_SECONDS
      end
    end

    # Return the attempts, one per line.
    def to_s
      lines = map(&:to_s)
      lines.empty? ? 'none' : lines.join("\n")
    end

    private

    def find_all_of(**query)
      @app.rows('logins', **query).reverse.map { |row| Attempt.read(row) }
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
