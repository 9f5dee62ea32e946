CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
CREATE TABLE IF NOT EXISTS public.pending_notification (
    id serial CONSTRAINT pending_notification_pkey PRIMARY KEY,
    op text NOT NULL,
    appname text NOT NULL,
    recordtype text NOT NULL,
    record jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS _version (version_num varchar(32) NOT NULL);
CREATE TABLE IF NOT EXISTS _asset (
    id text CONSTRAINT _asset_pkey PRIMARY KEY,
    content_type text NOT NULL,
    size bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS _auth (
    id text CONSTRAINT _auth_pkey PRIMARY KEY,
    password text,
    provider_info jsonb,
    token_valid_since timestamp without time zone,
    last_seen_at timestamp without time zone,
    disabled boolean DEFAULT false NOT NULL,
    disabled_message text,
    disabled_expiry timestamp without time zone
);
CREATE TABLE IF NOT EXISTS _role (
    id text CONSTRAINT _role_pkey PRIMARY KEY,
    by_default boolean DEFAULT false,
    is_admin boolean DEFAULT false
);
CREATE TABLE IF NOT EXISTS _auth_role (
    auth_id text NOT NULL CONSTRAINT _auth_role_auth_id_fkey REFERENCES _auth (id),
    role_id text NOT NULL CONSTRAINT _auth_role_role_id_fkey REFERENCES _role (id),
    CONSTRAINT _auth_role_pkey PRIMARY KEY (auth_id, role_id)
);
CREATE TABLE IF NOT EXISTS _device (
    id text CONSTRAINT _device_pkey PRIMARY KEY,
    auth_id text CONSTRAINT _device_auth_id_fkey REFERENCES _auth (id),
    type text NOT NULL,
    token text,
    topic text,
    last_registered_at timestamp without time zone NOT NULL,
    CONSTRAINT _device_auth_id_type_token_key UNIQUE (auth_id, type, token)
);
CREATE INDEX IF NOT EXISTS _device_token_last_registered_at_idx ON _device (token, last_registered_at);
CREATE TABLE IF NOT EXISTS _follow (
    left_id text NOT NULL,
    right_id text NOT NULL CONSTRAINT _follow_right_id_fkey REFERENCES _auth (id),
    CONSTRAINT _follow_pkey PRIMARY KEY (left_id, right_id)
);
CREATE TABLE IF NOT EXISTS _friend (
    left_id text NOT NULL,
    right_id text NOT NULL CONSTRAINT _friend_right_id_fkey REFERENCES _auth (id),
    CONSTRAINT _friend_pkey PRIMARY KEY (left_id, right_id)
);
CREATE TABLE IF NOT EXISTS _password_history (
    id text CONSTRAINT _password_history_pkey PRIMARY KEY,
    auth_id text NOT NULL,
    password text NOT NULL,
    logged_at timestamp without time zone NOT NULL
);
CREATE INDEX IF NOT EXISTS _password_history_auth_id_logged_at_idx ON _password_history (auth_id, logged_at DESC);
CREATE TABLE IF NOT EXISTS _record_creation (
    record_type text NOT NULL,
    role_id text CONSTRAINT _record_creation_role_id_fkey REFERENCES _role (id),
    CONSTRAINT _record_creation_record_type_role_id_key UNIQUE (record_type, role_id)
);
CREATE INDEX IF NOT EXISTS _record_creation_unique_record_type ON _record_creation (record_type);
CREATE TABLE IF NOT EXISTS _record_default_access (
    record_type text NOT NULL CONSTRAINT _record_default_access_record_type_key UNIQUE,
    default_access jsonb
);
CREATE INDEX IF NOT EXISTS _record_default_access_unique_record_type ON _record_default_access (record_type);
CREATE TABLE IF NOT EXISTS _record_field_access (
    record_type text NOT NULL,
    record_field text NOT NULL,
    user_role text NOT NULL,
    writable boolean NOT NULL,
    readable boolean NOT NULL,
    comparable boolean NOT NULL,
    discoverable boolean NOT NULL,
    CONSTRAINT _record_field_access_pkey PRIMARY KEY (record_type, record_field, user_role)
);
CREATE TABLE IF NOT EXISTS _sso_custom_token (
    user_id text CONSTRAINT _sso_custom_token_pkey PRIMARY KEY,
    principal_id text NOT NULL CONSTRAINT _sso_custom_token_principal_id_key UNIQUE,
    _created_at timestamp without time zone NOT NULL
);
CREATE TABLE IF NOT EXISTS _sso_oauth (
    user_id text NOT NULL,
    provider text NOT NULL,
    principal_id text NOT NULL,
    token_response jsonb,
    profile jsonb,
    _created_at timestamp without time zone NOT NULL,
    _updated_at timestamp without time zone NOT NULL,
    CONSTRAINT _sso_oauth_pkey PRIMARY KEY (provider, principal_id),
    CONSTRAINT _sso_oauth_user_id_provider_key UNIQUE (user_id, provider)
);
CREATE TABLE IF NOT EXISTS _subscription (
    id text NOT NULL,
    auth_id text NOT NULL,
    device_id text NOT NULL CONSTRAINT _subscription_device_id_fkey REFERENCES _device (id) ON DELETE CASCADE,
    type text NOT NULL,
    notification_info jsonb,
    query jsonb,
    CONSTRAINT _subscription_pkey PRIMARY KEY (auth_id, device_id, id)
);
CREATE TABLE IF NOT EXISTS _verify_code (
    id text CONSTRAINT _verify_code_pkey PRIMARY KEY,
    auth_id text NOT NULL,
    record_key text NOT NULL,
    record_value text NOT NULL,
    code text NOT NULL,
    consumed boolean DEFAULT false NOT NULL,
    created_at timestamp without time zone NOT NULL
);
CREATE INDEX IF NOT EXISTS _verify_code_auth_id_code_consumed_idx ON _verify_code (auth_id, code, consumed);
CREATE TABLE IF NOT EXISTS "user" (
    _id text NOT NULL,
    _database_id text NOT NULL,
    _owner_id text NOT NULL,
    _access jsonb,
    _created_at timestamp without time zone NOT NULL,
    _created_by text,
    _updated_at timestamp without time zone NOT NULL,
    _updated_by text,
    username citext,
    email citext,
    last_login_at timestamp without time zone,
    CONSTRAINT user_pkey PRIMARY KEY (_id, _database_id, _owner_id),
    CONSTRAINT user__id_key UNIQUE (_id)
);
CREATE OR REPLACE VIEW _user AS
    SELECT a.id, a.password, u.username, u.email, a.provider_info AS auth, a.token_valid_since,
        u.last_login_at, a.last_seen_at
    FROM _auth a JOIN "user" u ON u._id = a.id;
