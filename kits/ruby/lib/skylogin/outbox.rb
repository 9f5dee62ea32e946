# frozen_string_literal: true

require 'skylogin/errors'
require 'skylogin/row'

module Skylogin
  # A mail, or a code for a phone. +kind+ is 'reset' or 'verification', +to+ the address or number,
  # +record_key+ the field of the user that has it; +used+ says whether the code has been used.
  Mail = Struct.new(
    :id, :at, :kind, :to, :user_id, :code, :expires_at, :link, :record_key, :text, :used,
    keyword_init: true
  ) do
    extend Row
  end

  # The mails and codes that the app would have sent to its users, the oldest first.
  class Outbox
    include Enumerable

    PAUSE_SECONDS = 0.02

    def initialize(app)
      @app = app
    end

    def each(&block)
      @app.admin('GET', 'outbox')['mails'].map { |row| Mail.read(row) }.each(&block)
    end

    # Return the latest mail, or the latest to an address, past or within +timeout+ seconds. Raises
    # TimeoutError.
    def wait_for(to: nil, timeout: 5)
      deadline = now + timeout
      loop do
        mails = to_a
        found = mails.reverse.find { |mail| to.nil? || mail.to == to } and return found
        if now >= deadline
          others = mails.empty? ? 'nobody' : mails.map(&:to).join(', ')
          raise TimeoutError, "no mail to #{to || 'anybody'} in #{timeout} s; to #{others}"
        end
        sleep PAUSE_SECONDS
      end
    end

    # Delete the mails. Their codes become invalid.
    def clear
      @app.admin('DELETE', 'outbox')
    end

    private

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
