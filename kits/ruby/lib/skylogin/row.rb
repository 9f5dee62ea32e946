# frozen_string_literal: true

require 'skylogin/clock'

module Skylogin
  # Makes a struct from a row of the admin API.
  module Row
    TIMES = %i[at expires_at].freeze

    def read(row)
      new(**members.to_h { |name| [name, part(name, row[name.to_s])] })
    end

    private

    def part(name, value)
      TIMES.include?(name) ? Clock.time(value) : value
    end
  end
end
