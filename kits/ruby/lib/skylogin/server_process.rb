# frozen_string_literal: true

require 'io/wait'
require 'json'
require 'open3'
require 'skylogin/errors'

module Skylogin
  # A `skylogin dev` in its own process. It stops when this process ends, however it ends, because
  # that closes its standard input.
  class ServerProcess
    # uvx and pipx install skylogin first.
    START_SECONDS_MAX = 120
    STOP_SECONDS_MAX = 10
    # Isolated, it reads only SKYLOGIN_ variables from the project's environment.
    ARGUMENTS = %w[dev --isolated --port 0 --exit-with-parent].freeze
    CHECKOUT = File.expand_path('../../../..', __dir__)

    # Return the command that runs skylogin: the first of skylogin, uvx and pipx on the path.
    def self.program(path = ENV.fetch('PATH', ''), source = self.source)
      return ['skylogin'] if on_path?(path, 'skylogin')
      return ['uvx', '--from', source, 'skylogin'] if source && on_path?(path, 'uvx')
      return ['pipx', 'run', '--spec', source, 'skylogin'] if source && on_path?(path, 'pipx')

      raise ServerError,
            'there is no skylogin to start: install it so that it is on the PATH; or install uv ' \
            'or pipx, and set SKYLOGIN_PACKAGE to a wheel, a checkout or a URL of one; or set ' \
            'SKYLOGIN_URL to the URL of a server that is running'
    end

    # Return what to install: the value of SKYLOGIN_PACKAGE, or the checkout that the kit is in. Not
    # a name alone: on a package index, that may be something else.
    def self.source
      given = ENV.fetch('SKYLOGIN_PACKAGE', '')
      return given unless given.empty?

      CHECKOUT if File.file?("#{CHECKOUT}/pyproject.toml")
    end
    private_class_method :source

    def self.on_path?(path, name)
      path.split(File::PATH_SEPARATOR).any? do |folder|
        file = File.join(folder, name)
        File.file?(file) && File.executable?(file)
      end
    end
    private_class_method :on_path?

    # The members of the ready line.
    attr_reader :facts

    def initialize(settings)
      given = settings.flat_map { |name, value| ['--set', "#{name}=#{value}"] }
      command = [*ServerProcess.program, *ARGUMENTS, *given]
      # In its own process group: Ctrl-C must only reach the tests, which then stop the server.
      @input, @output, @waiter = Open3.popen2e(*command, pgroup: true)
      @facts = read_ready_line
      # A full pipe would block the server.
      Thread.new { @output.each_line { |line| warn "skylogin: #{line}" } }
    end

    def close
      @input.close
      kill unless @waiter.join(STOP_SECONDS_MAX)
    end

    private

    def read_ready_line
      said = +''
      deadline = now + START_SECONDS_MAX
      while @output.wait_readable([deadline - now, 0].max)
        line = @output.gets or raise ServerError, "skylogin did not start: #{said.strip}"
        if (facts = ready_facts(line))
          # Another line, such as a warning about a setting.
          warn said unless said.empty?
          return facts
        end
        said << line
      end
      raise ServerError, "skylogin was not ready after #{START_SECONDS_MAX} s: #{said}"
    rescue Exception
      kill
      raise
    end

    def ready_facts(line)
      facts = JSON.parse(line)
      facts if facts.is_a?(Hash) && facts.key?('master_key')
    rescue JSON::ParserError
      nil
    end

    # uvx runs the server as a child process, in the same group.
    def kill
      Process.kill('KILL', -@waiter.pid)
      @waiter.join
    rescue Errno::ESRCH
      # It has ended.
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
