# frozen_string_literal: true

require 'json'
require 'net/http'
require 'skylogin/errors'

module Skylogin
  # Sends requests to a server and its admin API, never through a proxy.
  class Http
    CONNECT_SECONDS_MAX = 10
    # Longer than any call takes at the server.
    ANSWER_SECONDS_MAX = 90

    def initialize(url, token)
      @url = URI("#{url}_admin/v1/")
      @token = token
    end

    # Return what the admin API answers, nil if that is nothing. Raises AdminError.
    def ask(method, path, body = nil)
      response = Http.send_json(method, @url + path, body, 'Authorization' => "Bearer #{@token}")
      return Http.object_in(response) if response.is_a?(Net::HTTPSuccess)

      problem = Http.object_in(response)
      text = [problem['detail'] || response.body, *problem['errors']].join('; ')
      raise AdminError.new(Integer(response.code), "#{response.code}: #{text}")
    end

    class << self
      # Return the response. Raises ConnectionError if it is missing or incomplete.
      def send_json(method, url, body, headers = {})
        text = JSON.generate(body) unless body.nil?
        headers = { 'Content-Type' => 'application/json', **headers } if text
        response = connection(url).start do |http|
          http.send_request(method, url.request_uri, text, headers)
        end
        whole?(response) or raise EOFError, 'only a part of the answer arrived'
        response
      rescue IOError, SystemCallError, SocketError, Timeout::Error, Net::ProtocolError => e
        raise ConnectionError, "#{url.host}:#{url.port}: #{e.message}"
      end

      # Return the JSON object in a response, an empty one if there is none.
      def object_in(response)
        value = JSON.parse(response.body.to_s)
        value.is_a?(Hash) ? value : {}
      rescue JSON::ParserError
        {}
      end

      # Return a text as a part of a path.
      def quoted(text)
        URI.encode_www_form_component(text).gsub('+', '%20')
      end

      private

      # Net::HTTP accepts an incomplete body.
      def whole?(response)
        length = response.content_length
        length.nil? || response.body.to_s.bytesize >= length
      end

      def connection(url)
        # nil: no proxy.
        Net::HTTP.new(url.host, url.port, nil).tap do |http|
          http.use_ssl = url.scheme == 'https'
          http.open_timeout = CONNECT_SECONDS_MAX
          http.read_timeout = ANSWER_SECONDS_MAX
          http.max_retries = 0
        end
      end
    end
  end
end
