# frozen_string_literal: true

require_relative 'lib/skylogin/version'

Gem::Specification.new do |gem|
  gem.name = 'skylogin'
  gem.version = Skylogin::VERSION
  gem.summary = 'Starts skylogin, a stand-in for the login of Skygear v1, for the tests of an app'
  gem.authors = ['the authors of skylogin']
  gem.license = 'Apache-2.0'
  gem.required_ruby_version = '>= 3.0'
  gem.files = Dir.chdir(__dir__) { Dir['lib/**/*.rb'] + ['README.md'] }
  gem.metadata['rubygems_mfa_required'] = 'true'
end
