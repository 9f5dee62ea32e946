# frozen_string_literal: true

require 'skylogin/clock'
require 'skylogin/http'

module Skylogin
  # A user as they were at the time of the look-up. +profile+ has the app's own fields, +record+
  # all of them. The methods change the user on the server; look the user up again to see the change.
  User = Struct.new(
    :app, :sub, :id, :profile, :record, :roles, :disabled, :disabled_message, :disabled_until,
    :created_at, :last_login_at, :last_seen_at,
    keyword_init: true
  ) do
    def self.read(app, row)
      record = row['profile'] || {}
      last_login = record['last_login_at']
      new(
        app: app, sub: row['subject'], id: row['id'], profile: profile_of(record), record: record,
        roles: row['roles'], disabled: row['disabled'],
        disabled_message: row['disabled_message'].to_s,
        disabled_until: Clock.time(row['disabled_until']),
        created_at: Clock.time(row['created_at']),
        last_login_at: Clock.time((last_login['$date'] if last_login.is_a?(Hash))),
        last_seen_at: Clock.time(row['last_seen_at'])
      )
    end

    def self.profile_of(record)
      record.reject { |name, _| name.start_with?('_') || name == 'last_login_at' }
    end

    # Disable the user, until a time if there is an +end_at+. Logins and calls are refused with the
    # message.
    def disable(message = '', end_at: nil)
      body = { message: message, until: end_at && Clock.text(end_at) }.compact
      app.admin('POST', "#{path}/disable", body)
    end

    def enable
      app.admin('POST', "#{path}/enable")
    end

    # Replace the roles.
    def replace_roles(*roles)
      app.admin('PUT', "#{path}/roles", roles: roles)
    end

    # Change fields of the profile; nil removes one.
    def edit(**fields)
      app.admin('PATCH', path, profile: fields)
    end

    # Revoke all access tokens.
    def sign_out
      app.admin('POST', "#{path}/sign-out")
    end

    def delete
      app.admin('DELETE', path)
    end

    private

    def path
      "users/#{Http.quoted(id)}"
    end
  end

  # The users of an app, by the sub of their custom tokens.
  class Users
    include Enumerable

    def initialize(app)
      @app = app
    end

    # Return the user with a sub, nil if none has it.
    def [](sub)
      find_all_of(subject: sub).find { |user| user.sub == sub }
    end

    # Return a user. Raises KeyError.
    def fetch(sub)
      self[sub] or raise KeyError, "no user #{sub.inspect}"
    end

    # Yield each user with a sub.
    def each(&block)
      find_all_of.each(&block)
    end

    # Add a user without a login, and return it. Other fields are those of a seed.
    def add(sub, profile: {}, **fields)
      @app.seed({ users: [{ sub: sub, profile: profile, **fields }] })
      fetch(sub)
    end

    private

    def find_all_of(**query)
      @app.rows('users', **query).select { |row| row['subject'] }.map { |row| User.read(@app, row) }
    end
  end
end
