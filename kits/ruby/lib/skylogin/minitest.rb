# frozen_string_literal: true

require 'minitest'
require 'skylogin'

module Skylogin
  # Include it in a test class: each test has an empty app, +skylogin+. A failed one prints its
  # login attempts.
  module Minitest
    attr_reader :skylogin

    def before_setup
      @skylogin = Skylogin.app
      @skylogin.reset(project: true)
      super
    end

    def after_teardown
      super
      return if passed? || skipped? || skylogin.nil?

      warn Skylogin.report(skylogin, "#{self.class}##{name}")
    end
  end

  # A test case of minitest that includes it.
  class Test < ::Minitest::Test
    include Skylogin::Minitest
  end
end
