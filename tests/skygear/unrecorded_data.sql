-- What a real app has and the recorded one has not: other record types with fields of all types, odd names,
-- rules, sequences, devices, principals of users that are gone, an app whose other unique keys are in use.
CREATE TABLE note (
    _id text NOT NULL, _database_id text NOT NULL, _owner_id text NOT NULL, _access jsonb,
    _created_at timestamp NOT NULL, _created_by text, _updated_at timestamp NOT NULL, _updated_by text,
    title text, "Größe (in ""cm"") :x %s" double precision, number integer, big bigint, price money, tags text[],
    done boolean, due timestamp, place geometry(Point), area geometry, extra jsonb, author text, picture text,
    about text, code citext,
    PRIMARY KEY (_id, _database_id, _owner_id), UNIQUE (_id),
    CONSTRAINT fk_author_user__id FOREIGN KEY (author) REFERENCES "user" (_id),
    CONSTRAINT fk_picture__asset_id FOREIGN KEY (picture) REFERENCES _asset (id)
);
CREATE SEQUENCE note_number_seq OWNED BY note.number;
ALTER TABLE note ALTER number SET DEFAULT nextval('note_number_seq');
ALTER TABLE note ADD CONSTRAINT fk_about_note__id FOREIGN KEY (about) REFERENCES note (_id);
CREATE TABLE "Ünï Type" (LIKE note INCLUDING ALL);
CREATE TABLE of_a_plugin (id serial PRIMARY KEY, what text);
INSERT INTO _asset VALUES ('cat.png', 'image/png', 1234);
INSERT INTO note (
    _id, _database_id, _owner_id, _access, _created_at, _created_by, _updated_at, title,
    "Größe (in ""cm"") :x %s", number, big, price, tags, done, due, place, area, extra, author, picture, code
) VALUES (
    'first', '', 'bffe274a-3c1e-4e73-a3b0-6c533b950888', '[{"level": "read", "public": true}]',
    '2020-01-02 03:04:05.678', 'somebody', '2020-01-02 03:04:05', 'Zürich 🐧', 0.1, 7, 9007199254740993, 12.5,
    '{a,b}', true, '1969-12-31 23:59:59.999999', ST_MakePoint(114.123456789012, -22.5),
    ST_GeomFromGeoJSON('{"type":"Polygon","coordinates":[[[0,0],[1.5,0],[1,1],[0,0]]]}'),
    '{"a": [1, 1.0, 1e2, null, {"$type": "geo"}], "é": "\u00e9"}', 'bffe274a-3c1e-4e73-a3b0-6c533b950888',
    'cat.png', 'ABC'
);
INSERT INTO note (_id, _database_id, _owner_id, _created_at, _updated_at, number, about, extra)
    VALUES ('second', '', '', '2020-01-02', '2020-01-02', 12, 'first', 'null'),
    ('mine', '01d7825b-7d46-436c-b7d4-d423935feb6e', '01d7825b-7d46-436c-b7d4-d423935feb6e', '2020-01-02',
        '2020-01-02', 13, NULL, '[]');
SELECT setval('note_number_seq', 41, true);
INSERT INTO _role VALUES ('Guest', true, NULL), ('', NULL, NULL);
INSERT INTO _record_creation VALUES ('note', 'Editor'), ('note', 'Writer'), ('not made yet', 'Editor');
INSERT INTO _record_default_access VALUES ('note', '[{"level": "write", "role": "Editor"}]'), ('user', NULL);
INSERT INTO _record_field_access VALUES ('note', 'code', '_public', false, true, false, false);
DELETE FROM _record_field_access WHERE record_field = 'email';
INSERT INTO _device VALUES
    ('phone', '01d7825b-7d46-436c-b7d4-d423935feb6e', 'ios', 'a token', 'a topic', '2020-01-02 03:04:05'),
    ('nobody''s', NULL, 'android', NULL, NULL, '2020-01-02');
INSERT INTO _sso_custom_token VALUES
    ('gone', 'a user who is gone', '2020-01-02'),
    ('long', repeat('長い', 40), '2020-01-02');
INSERT INTO _auth (id, disabled) VALUES ('no record', false), ('long', false);
INSERT INTO _sso_oauth VALUES
    ('no record', 'google', 'one', '{"token": "x"}', 'null', '2020-01-02', '2020-01-03'),
    ('no record', 'facebook', 'one', 'null', '{"name": "é"}', '2020-01-02', '2020-01-02');
INSERT INTO _password_history VALUES
    ('1', '075422c9-2daf-4aba-8f49-86e52fe8db78', '$2a$10$first', '2020-01-02'),
    ('2', '075422c9-2daf-4aba-8f49-86e52fe8db78', '$2a$10$second', '2020-01-02'),
    ('3', 'gone', '$2a$10$third', '2020-01-02');
INSERT INTO "user" (_id, _database_id, _owner_id, _created_at, _updated_at, username)
    VALUES ('without auth', '', 'without auth', '2020-01-02', '2020-01-02', 'Ghost');
INSERT INTO _friend SELECT 'gone', id FROM _auth LIMIT 3;
