# frozen_string_literal: true

# What the app does: get a custom token from its own auth server, and log in to Skygear
# with it.
#
#   ruby client.rb alice 'correct horse'
require 'json'
require 'net/http'

class Client
  # A refused request. +code+ is Skygear's, nil if the auth server refused.
  class Refused < StandardError
    attr_reader :status, :code

    def initialize(status, message, code = nil)
      super(message)
      @status = status
      @code = code
    end
  end

  def initialize(auth_server:, endpoint:, api_key:)
    @auth_server = auth_server
    @endpoint = endpoint
    @api_key = api_key
  end

  # Log in, and return Skygear's answer: user_id, profile and access_token.
  def log_in(username, password)
    log_in_with_token(fetch_custom_token(username, password))
  end

  def fetch_custom_token(username, password)
    post("#{@auth_server}custom-token", {}) { |request| request.basic_auth(username, password) }['token']
  end

  def log_in_with_token(token)
    post("#{@endpoint}sso/custom_token/login", { api_key: @api_key, token: token })['result']
  end

  private

  def post(url, body)
    uri = URI(url)
    request = Net::HTTP::Post.new(uri, 'Content-Type' => 'application/json')
    request.body = JSON.generate(body)
    yield request if block_given?
    response = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == 'https') do |http|
      http.request(request)
    end
    answer = JSON.parse(response.body)
    error = answer['error'] or return answer

    status = Integer(response.code)
    raise Refused.new(status, error) if error.is_a?(String)

    raise Refused.new(status, error['message'], error['code'])
  end
end

if $PROGRAM_NAME == __FILE__
  client = Client.new(
    auth_server: ENV.fetch('AUTH_SERVER', 'http://127.0.0.1:4000/'),
    endpoint: ENV.fetch('SKYGEAR_ENDPOINT'),
    api_key: ENV.fetch('SKYGEAR_API_KEY')
  )
  begin
    puts "#{ARGV.first} is #{client.log_in(*ARGV)['user_id']}"
  rescue Client::Refused => e
    abort e.message
  end
end
