"""Names with a fixed meaning in stored data."""

# The type of the record that holds a user's profile; its id is the user's.
USER_TYPE = "user"
# The id of the database that all users of an app share; every other id is a user's.
PUBLIC_DATABASE = ""
# In place of an app's name, for what concerns the whole server.
EVERY_APP = ""
# The kinds of principals.
CUSTOM_TOKEN = "custom_token"
OAUTH = "oauth"
# The kind of logins without a principal: sign-ups, also of anonymous users.
PASSWORD = "password"
# The field of a user's record that every login writes.
LAST_LOGIN_AT = "last_login_at"
