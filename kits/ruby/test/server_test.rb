# frozen_string_literal: true

require 'test_helper'
require 'fileutils'
require 'tmpdir'

class ServerTest < Minitest::Test
  def test_a_server_runs_during_a_block
    app = Skylogin::Server.open do |server|
      server.app('shop').tap do |shop|
        assert_equal "#{server.url}apps/shop/", shop.url
        shop.log_in('alice')
        assert_empty server.app('other').users.to_a
      end
    end

    assert_raises(Skylogin::ConnectionError) { app.log_in('alice') }
  end

  def test_a_server_that_does_not_start_says_why
    error = assert_raises(Skylogin::ServerError) { Skylogin::Server.new(NO_SETTING: 1) }

    assert_includes error.message, 'NO_SETTING is not a setting'
  end

  def test_what_a_server_warns_of_is_shown
    assert_output(nil, /PLUGINS has no effect here/) { Skylogin::Server.open(PLUGINS: 'x', &:url) }
  end

  def test_a_running_server_must_have_the_settings
    Skylogin::Server.open(SKYLOGIN_ISSUER: 'shop') do |server|
      with_url(server.url.chomp('/')) do
        Skylogin::Server.open { |same| assert_equal server.url, same.url }
        Skylogin::Server.open(SKYLOGIN_ISSUER: 'shop') { |same| same.app('shop').reset }
        error = assert_raises(Skylogin::ServerError) { Skylogin::Server.new(SKYLOGIN_ISSUER: '') }
        assert_includes error.message, 'SKYLOGIN_ISSUER is shop, the tests ask for '
      end
      server.app('shop').reset
    end
  end

  def test_a_server_that_is_not_there_is_named
    ['http://127.0.0.1:1/', 'no url', 'http://a b/'].each do |url|
      error = assert_raises(Skylogin::ServerError) { with_url(url) { Skylogin::Server.new } }
      assert_includes error.message, url
    end
  end

  def with_url(url)
    ENV['SKYLOGIN_URL'] = url
    yield
  ensure
    ENV.delete('SKYLOGIN_URL')
  end

  def test_the_server_is_not_asked_for_from_a_proxy
    proxy = { 'HTTP_PROXY' => 'http://proxy:1' }
    listed = { **proxy, 'NO_PROXY' => 'a, b', 'no_proxy' => '127.0.0.1' }

    assert_empty exceptions({ 'http_proxy' => '' })
    assert_equal ['127.0.0.1'] * 2, exceptions(proxy).values
    assert_equal({ 'NO_PROXY' => 'a,b,127.0.0.1', 'no_proxy' => 'a,b,127.0.0.1' }, exceptions(listed))
  end

  def exceptions(environment)
    Skylogin::Proxies.exceptions_for('http://127.0.0.1:3000/', environment)
  end

  def test_the_first_program_on_the_path_is_used
    Dir.mktmpdir do |folder|
      path = "#{folder}/nothing:#{folder}"
      assert_raises(Skylogin::ServerError) { program(path) }
      add_program("#{folder}/pipx")
      assert_equal %w[pipx run --spec /a.whl skylogin], program(path)
      add_program("#{folder}/uvx")
      Dir.mkdir("#{folder}/skylogin")
      assert_equal %w[uvx --from /a.whl skylogin], program(path)
      assert_raises(Skylogin::ServerError) { program(path, nil) }
      Dir.rmdir("#{folder}/skylogin")
      add_program("#{folder}/skylogin")
      assert_equal %w[skylogin], program(path)
    end
  end

  def program(path, source = '/a.whl')
    Skylogin::ServerProcess.program(path, source)
  end

  def add_program(path)
    FileUtils.touch(path)
    File.chmod(0o755, path)
  end

  def test_threads_and_processes_have_apps_of_their_own
    mine = Skylogin.app
    assert_same mine, Skylogin.app
    refute_equal mine.name, Thread.new { Skylogin.app.name }.value

    reader, writer = IO.pipe
    child = fork do
      writer.puts Skylogin.app.name
      # Minitest runs the tests at the exit of a process, and not of this one.
      exit!
    end
    Process.wait(child)
    refute_equal mine.name, reader.gets.chomp
    mine.reset
  end
end
