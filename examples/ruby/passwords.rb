# frozen_string_literal: true

# Password hashes: "scrypt", its cost, a salt and the hash.
# To make one for users.json: ruby passwords.rb 'the password'
require 'openssl'
require 'securerandom'

module Passwords
  COST = 16_384

  module_function

  def hash(password)
    salt = SecureRandom.bytes(16)
    ['scrypt', COST, text(salt), text(scrypt(password, salt, COST))].join('$')
  end

  def password?(password, stored)
    _, cost, salt, hash = stored.split('$')
    actual = scrypt(password, salt.unpack1('m0'), Integer(cost))
    OpenSSL.fixed_length_secure_compare(actual, hash.unpack1('m0'))
  end

  def scrypt(password, salt, cost)
    OpenSSL::KDF.scrypt(password, salt: salt, N: cost, r: 8, p: 1, length: 32)
  end

  def text(bytes)
    [bytes].pack('m0')
  end
end

puts Passwords.hash(ARGV.fetch(0)) if $PROGRAM_NAME == __FILE__
