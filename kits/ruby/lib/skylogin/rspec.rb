# frozen_string_literal: true

require 'rspec/core'
require 'skylogin'

module Skylogin
  # In each example group with the tag :skylogin, each example has an empty app, +skylogin+. A
  # failed one prints its login attempts.
  module RSpec
    def skylogin
      @skylogin ||= Skylogin.app
    end
  end
end

RSpec.configure do |config|
  config.include Skylogin::RSpec, :skylogin
  config.before(:each, :skylogin) { skylogin.reset(project: true) }
  config.after(:each, :skylogin) do |example|
    if example.exception && @skylogin
      example.reporter.message(Skylogin.report(skylogin, example.full_description))
    end
  end
end
