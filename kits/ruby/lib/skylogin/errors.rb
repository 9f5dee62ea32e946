# frozen_string_literal: true

module Skylogin
  class Error < StandardError; end

  # A server that cannot be started, or cannot be used.
  class ServerError < Error; end

  # A call without a complete answer.
  class ConnectionError < Error; end

  # A login attempt, call or mail that a test waited for did not come.
  class TimeoutError < Error; end

  # A request that the admin API refused.
  class AdminError < Error
    attr_reader :status

    def initialize(status, message)
      super(message)
      @status = status
    end
  end

  # A call that the server refused. +name+ and +code+ are those of Skygear's error, nil if the
  # answer had none; +reason+, such as "expired", and +explanation+ are skylogin's.
  class Refused < Error
    attr_reader :status, :name, :code, :reason, :explanation

    def initialize(status, error, reason)
      @status = status
      @name, @code, said = error.values_at('name', 'code', 'message')
      @reason, @explanation = reason.split(': ', 2)
      parts = [status, ("#{@name} #{@code}: #{said}" if @name), ("(#{reason})" if @reason)]
      super(parts.compact.join(' '))
    end
  end
end
