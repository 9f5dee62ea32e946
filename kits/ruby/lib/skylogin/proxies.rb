# frozen_string_literal: true

require 'uri'

module Skylogin
  # Environment variables that keep programs from using a proxy for a server.
  module Proxies
    NAMES = %w[http_proxy https_proxy all_proxy].flat_map { |name| [name, name.upcase] }.freeze
    # Some programs read the one, some the other.
    EXCEPTIONS = %w[NO_PROXY no_proxy].freeze

    module_function

    # Return the variables that keep programs from using the environment's proxy for +url+; none
    # without a proxy.
    def exceptions_for(url, environment)
      return {} if environment.values_at(*NAMES).all? { |value| value.to_s.empty? }

      entries = environment.values_at(*EXCEPTIONS).compact.join(',').split(',').map(&:strip)
      entries = (entries + [URI(url).hostname]).reject(&:empty?).uniq
      EXCEPTIONS.to_h { |name| [name, entries.join(',')] }
    end
  end
end
