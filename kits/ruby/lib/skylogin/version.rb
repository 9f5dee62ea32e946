# frozen_string_literal: true

module Skylogin
  VERSION = '0.1.0'
end
