# frozen_string_literal: true

require 'minitest/autorun'
require 'skylogin/minitest'

Skylogin.settings = { SKYLOGIN_ISSUER: 'shop' }
