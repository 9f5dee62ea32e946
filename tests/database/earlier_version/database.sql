BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE apps (
	app TEXT NOT NULL, 
	api_key TEXT, 
	master_key TEXT, 
	created_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_apps PRIMARY KEY (app)
);
INSERT INTO "apps" VALUES('shop','ZRp2Xq4drz-l1bP8JMTT2buYbsfOx6dH','hODqCUVX3_bnMrAdmUjDenR1JjjZjU4n','2026-11-28T15:13:39.856262Z');
CREATE TABLE auth_keys (
	app TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	CONSTRAINT pk_auth_keys PRIMARY KEY (app, "key", folded)
);
INSERT INTO "auth_keys" VALUES('myapp','email','alice@example.com','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8');
INSERT INTO "auth_keys" VALUES('myapp','username','alice','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8');
INSERT INTO "auth_keys" VALUES('myapp','username','bob','0d4fab43-de96-4b29-8f79-cb03e5fc6886');
INSERT INTO "auth_keys" VALUES('myapp','username','carol','e95a2c95-44bb-4423-aa6d-f5606b1aef93');
INSERT INTO "auth_keys" VALUES('myapp','username','dave','a1c6f066-1125-4120-a7a8-1015e7298ecb');
CREATE TABLE custom_token_secrets (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	ends_at VARCHAR(27), 
	CONSTRAINT pk_custom_token_secrets PRIMARY KEY (app, id)
);
INSERT INTO "custom_token_secrets" VALUES('myapp','0b9a38a1317e2297','e5KEv0vpul5occcUlfMkVTm6XsEPguHJ7T6s7vZuaVw','2026-11-28T15:13:12.920511Z','2026-11-29T15:13:37.308202Z');
INSERT INTO "custom_token_secrets" VALUES('myapp','dcc68634de8625a5','ultWIKgkXgPuJgY0R74wXHmbJLRCJIEVxmaOyKlixs0','2026-11-28T15:13:37.308202Z',NULL);
INSERT INTO "custom_token_secrets" VALUES('shop','375e38ae0ee3076b','iQTQg2cfPEbmO-nJ0ncqpRyC3Iiy2tLJjn-H7qsYzz4','2026-11-28T15:13:39.856262Z',NULL);
CREATE TABLE field_access (
	app TEXT NOT NULL, 
	type TEXT NOT NULL, 
	field TEXT NOT NULL, 
	user_role TEXT NOT NULL, 
	writable BOOLEAN NOT NULL, 
	readable BOOLEAN NOT NULL, 
	comparable BOOLEAN NOT NULL, 
	discoverable BOOLEAN NOT NULL, 
	CONSTRAINT pk_field_access PRIMARY KEY (app, type, field, user_role)
);
INSERT INTO "field_access" VALUES('myapp','user','username','_owner',1,1,1,1);
INSERT INTO "field_access" VALUES('myapp','user','username','_any_user',0,1,1,1);
INSERT INTO "field_access" VALUES('myapp','user','email','_owner',1,1,1,1);
INSERT INTO "field_access" VALUES('myapp','user','email','_any_user',0,1,1,1);
INSERT INTO "field_access" VALUES('shop','user','username','_owner',1,1,1,1);
INSERT INTO "field_access" VALUES('shop','user','username','_any_user',0,1,1,1);
INSERT INTO "field_access" VALUES('shop','user','email','_owner',1,1,1,1);
INSERT INTO "field_access" VALUES('shop','user','email','_any_user',0,1,1,1);
CREATE TABLE journal (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	accepted BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	details JSON NOT NULL, 
	secret_id TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_journal PRIMARY KEY (app, id)
);
INSERT INTO "journal" VALUES('myapp','01a222b7-b83a-70dd-ad7a-fbfe7b401066','2026-11-28T15:13:15.239300Z',1,'updated','alice','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','{"action":"sso:custom_token:login","explanation":"the profile was updated","status":200,"algorithm":"HS256","key_id":"","header":{"alg":"HS256","typ":"JWT"},"secret_id":"0b9a38a1317e2297","claim_names":["sub","iat","exp","skyprofile"],"claims":{"sub":"alice","iat":1795878795,"exp":1795878804,"skyprofile":{"username":"Alice","motto":"hi"}},"profile_left_out":"","only_contract":"","address":"127.0.0.1","request_id":"fb4a6667-e5a0-4774-984b-776429520fad"}','0b9a38a1317e2297');
INSERT INTO "journal" VALUES('myapp','01a222b7-b88b-774d-9641-3320d0ca3c99','2026-11-28T15:13:15.403387Z',1,'created','carol','e95a2c95-44bb-4423-aa6d-f5606b1aef93','{"action":"sso:custom_token:login","explanation":"first login: the user was made","status":200,"algorithm":"HS256","key_id":"","header":{"alg":"HS256","typ":"JWT"},"secret_id":"0b9a38a1317e2297","claim_names":["sub","iat","exp","skyprofile"],"claims":{"sub":"carol","iat":1795878795,"exp":1795878804,"skyprofile":{"username":"Carol","friend":{"$type":"ref","$id":"user/2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8"}}},"profile_left_out":"","only_contract":"","address":"127.0.0.1","request_id":"fb815eff-8626-4f2b-bb6c-6ff8fc97c210"}','0b9a38a1317e2297');
INSERT INTO "journal" VALUES('myapp','01a222b7-ba21-7229-870c-bc2f7edaf324','2026-11-28T15:13:15.501691Z',1,'created','a1c6f066-1125-4120-a7a8-1015e7298ecb','a1c6f066-1125-4120-a7a8-1015e7298ecb','{"action":"auth:signup","explanation":"first login: the user was made","status":200,"algorithm":"","key_id":"","header":{},"secret_id":"","claim_names":[],"claims":{},"profile_left_out":"","only_contract":"","address":"127.0.0.1","request_id":"28c97b09-1ede-4c83-81fc-27dacb42b5f7"}','');
INSERT INTO "journal" VALUES('myapp','01a222b7-b8e6-7474-bd8a-6f3bd2d5c7a1','2026-11-28T15:13:15.489650Z',0,'user_disabled','bob','','{"action":"sso:custom_token:login","explanation":"the user is disabled","status":403,"algorithm":"HS256","key_id":"","header":{"alg":"HS256","typ":"JWT"},"secret_id":"0b9a38a1317e2297","claim_names":["sub","iat","exp","skyprofile"],"claims":{"sub":"bob","iat":1795878795,"exp":1795878804,"skyprofile":{}},"profile_left_out":"","only_contract":"","address":"127.0.0.1","request_id":"0c44e5e1-09b3-4b0d-82d3-060ebae04be0"}','0b9a38a1317e2297');
CREATE TABLE login_counts (
	app TEXT NOT NULL, 
	minute VARCHAR(27) NOT NULL, 
	reason TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_login_counts PRIMARY KEY (app, minute, reason)
);
INSERT INTO "login_counts" VALUES('myapp','2026-11-28T15:13:00.000000Z','created',2);
INSERT INTO "login_counts" VALUES('myapp','2026-11-28T15:13:00.000000Z','updated',1);
INSERT INTO "login_counts" VALUES('myapp','2026-11-28T15:13:00.000000Z','user_disabled',1);
CREATE TABLE operator_audit (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	act TEXT NOT NULL, 
	target TEXT NOT NULL, 
	via TEXT NOT NULL, 
	address TEXT NOT NULL, 
	details JSON NOT NULL, 
	CONSTRAINT pk_operator_audit PRIMARY KEY (app, id)
);
INSERT INTO "operator_audit" VALUES('myapp','01a222b7-ad94-70a3-b988-7901ef7c59b4','2026-11-28T15:13:12.596965Z','app.seed','myapp','seed','','{"users":2}');
INSERT INTO "operator_audit" VALUES('myapp','01a222b8-0e1c-7269-9465-aaef468f169e','2026-11-28T15:13:37.308297Z','secret.rotate','dcc68634de8625a5','command','','{"overlap_hours":24.0}');
INSERT INTO "operator_audit" VALUES('','01a222b8-1810-75cb-95a9-425ce1d6cce6','2026-11-28T15:13:39.856339Z','app.create','shop','command','','{}');
INSERT INTO "operator_audit" VALUES('myapp','01a222b8-2120-7429-a12a-240eac9159e4','2026-11-28T15:13:42.176201Z','app.export','myapp','command','','{}');
CREATE TABLE operator_sessions (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	last_used_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_operator_sessions PRIMARY KEY (app, id)
);
CREATE TABLE password_history (
	app TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	logged_at VARCHAR(27) NOT NULL, 
	password_hash TEXT NOT NULL, 
	CONSTRAINT pk_password_history PRIMARY KEY (app, user_id, logged_at)
);
CREATE TABLE principals (
	app TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	principal TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	updated_at VARCHAR(27), 
	token_response JSON, 
	profile JSON, 
	CONSTRAINT pk_principals PRIMARY KEY (app, kind, provider, principal)
);
INSERT INTO "principals" VALUES('myapp','custom_token','','alice','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','2026-11-28T15:13:12.906978Z',NULL,NULL,NULL);
INSERT INTO "principals" VALUES('myapp','custom_token','','bob','0d4fab43-de96-4b29-8f79-cb03e5fc6886','2026-11-28T15:13:12.906978Z',NULL,NULL,NULL);
INSERT INTO "principals" VALUES('myapp','custom_token','','carol','e95a2c95-44bb-4423-aa6d-f5606b1aef93','2026-11-28T15:13:15.403387Z',NULL,NULL,NULL);
CREATE TABLE record_fields (
	app TEXT NOT NULL, 
	type TEXT NOT NULL, 
	field TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	target TEXT NOT NULL, 
	column_type TEXT NOT NULL, 
	next_value INTEGER, 
	CONSTRAINT pk_record_fields PRIMARY KEY (app, type, field)
);
INSERT INTO "record_fields" VALUES('myapp','user','email','string','','citext',NULL);
INSERT INTO "record_fields" VALUES('myapp','user','last_login_at','datetime','','timestamp without time zone',NULL);
INSERT INTO "record_fields" VALUES('myapp','user','username','string','','citext',NULL);
INSERT INTO "record_fields" VALUES('myapp','user','city','string','','text',NULL);
INSERT INTO "record_fields" VALUES('myapp','user','motto','string','','text',NULL);
INSERT INTO "record_fields" VALUES('myapp','user','friend','reference','user','',NULL);
INSERT INTO "record_fields" VALUES('myapp','note','at','datetime','','timestamp without time zone',NULL);
INSERT INTO "record_fields" VALUES('myapp','note','n','sequence','','integer',3);
INSERT INTO "record_fields" VALUES('myapp','note','place','location','','geometry(Point)',NULL);
INSERT INTO "record_fields" VALUES('myapp','note','title','string','','text',NULL);
INSERT INTO "record_fields" VALUES('shop','user','email','string','','citext',NULL);
INSERT INTO "record_fields" VALUES('shop','user','last_login_at','datetime','','timestamp without time zone',NULL);
INSERT INTO "record_fields" VALUES('shop','user','username','string','','citext',NULL);
CREATE TABLE record_types (
	app TEXT NOT NULL, 
	type TEXT NOT NULL, 
	made BOOLEAN NOT NULL, 
	default_access JSON, 
	create_roles JSON, 
	CONSTRAINT pk_record_types PRIMARY KEY (app, type)
);
INSERT INTO "record_types" VALUES('myapp','user',1,NULL,NULL);
INSERT INTO "record_types" VALUES('myapp','note',1,'[{"level":"write","role":"editor"}]','["editor"]');
INSERT INTO "record_types" VALUES('shop','user',1,NULL,NULL);
CREATE TABLE records (
	app TEXT NOT NULL, 
	database_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	id TEXT NOT NULL, 
	owner_id TEXT NOT NULL, 
	access JSON, 
	created_at VARCHAR(27) NOT NULL, 
	created_by TEXT NOT NULL, 
	updated_at VARCHAR(27) NOT NULL, 
	updated_by TEXT NOT NULL, 
	data JSON NOT NULL, 
	CONSTRAINT pk_records PRIMARY KEY (app, database_id, type, id)
);
INSERT INTO "records" VALUES('myapp','','user','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8',NULL,'2026-11-28T15:13:12.906978Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','2026-11-28T15:13:15.239300Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','{"username":"Alice","email":"alice@example.com","city":"Bern","motto":"hi","last_login_at":"2026-11-28T15:13:15.239300Z"}');
INSERT INTO "records" VALUES('myapp','','user','0d4fab43-de96-4b29-8f79-cb03e5fc6886','0d4fab43-de96-4b29-8f79-cb03e5fc6886',NULL,'2026-11-28T15:13:12.906978Z','0d4fab43-de96-4b29-8f79-cb03e5fc6886','2026-11-28T15:13:12.906978Z','0d4fab43-de96-4b29-8f79-cb03e5fc6886','{"username":"Bob"}');
INSERT INTO "records" VALUES('myapp','','user','e95a2c95-44bb-4423-aa6d-f5606b1aef93','e95a2c95-44bb-4423-aa6d-f5606b1aef93',NULL,'2026-11-28T15:13:15.403387Z','e95a2c95-44bb-4423-aa6d-f5606b1aef93','2026-11-28T15:13:15.403387Z','e95a2c95-44bb-4423-aa6d-f5606b1aef93','{"username":"Carol","friend":"2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8","last_login_at":"2026-11-28T15:13:15.403387Z"}');
INSERT INTO "records" VALUES('myapp','','user','a1c6f066-1125-4120-a7a8-1015e7298ecb','a1c6f066-1125-4120-a7a8-1015e7298ecb',NULL,'2026-11-28T15:13:15.501691Z','a1c6f066-1125-4120-a7a8-1015e7298ecb','2026-11-28T15:13:15.501691Z','a1c6f066-1125-4120-a7a8-1015e7298ecb','{"username":"dave","last_login_at":"2026-11-28T15:13:15.501691Z"}');
INSERT INTO "records" VALUES('myapp','','note','1','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','[{"level":"read","public":true}]','2026-11-28T15:13:15.819325Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','2026-11-28T15:13:15.819325Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','{"title":"first","at":"2024-05-06T07:08:09.500000Z","place":[7.4,46.9],"n":1}');
INSERT INTO "records" VALUES('myapp','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','note','2','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8',NULL,'2026-11-28T15:13:15.888112Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','2026-11-28T15:13:15.888112Z','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','{"title":"mine","n":2}');
CREATE TABLE roles (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	by_default BOOLEAN DEFAULT 0 NOT NULL, 
	is_admin BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_roles PRIMARY KEY (app, id)
);
INSERT INTO "roles" VALUES('myapp','Admin',0,1);
INSERT INTO "roles" VALUES('myapp','editor',0,0);
INSERT INTO "roles" VALUES('myapp','member',1,0);
INSERT INTO "roles" VALUES('shop','Admin',0,1);
CREATE TABLE secret_uses (
	app TEXT NOT NULL, 
	secret_id TEXT NOT NULL, 
	day VARCHAR(27) NOT NULL, 
	uses INTEGER NOT NULL, 
	last_used_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_secret_uses PRIMARY KEY (app, secret_id, day)
);
INSERT INTO "secret_uses" VALUES('myapp','0b9a38a1317e2297','2026-11-28T00:00:00.000000Z',2,'2026-11-28T15:13:15.403387Z');
CREATE TABLE settings (
	app TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (app, name)
);
INSERT INTO "settings" VALUES('myapp','first_field_rules','added');
INSERT INTO "settings" VALUES('myapp','auth_record_keys','email;username');
INSERT INTO "settings" VALUES('myapp','first_custom_token_secret','0b9a38a1317e2297');
INSERT INTO "settings" VALUES('myapp','token_store_secret','r0sFvd-qnUlWkML7GjYWLRLEKe1V-yMRIrws8m5D2q8');
INSERT INTO "settings" VALUES('shop','first_field_rules','added');
INSERT INTO "settings" VALUES('shop','auth_record_keys','email;username');
INSERT INTO "settings" VALUES('shop','first_custom_token_secret','375e38ae0ee3076b');
CREATE TABLE user_roles (
	app TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	role TEXT NOT NULL, 
	CONSTRAINT pk_user_roles PRIMARY KEY (app, user_id, role)
);
INSERT INTO "user_roles" VALUES('myapp','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8','editor');
CREATE TABLE users (
	app TEXT NOT NULL, 
	id TEXT NOT NULL, 
	password_hash TEXT, 
	provider_info JSON, 
	token_valid_since VARCHAR(27), 
	last_seen_at VARCHAR(27), 
	disabled BOOLEAN DEFAULT 0 NOT NULL, 
	disabled_message TEXT, 
	disabled_expiry VARCHAR(27), 
	CONSTRAINT pk_users PRIMARY KEY (app, id)
);
INSERT INTO "users" VALUES('myapp','2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8',NULL,NULL,NULL,'2026-11-28T15:13:15.239300Z',0,NULL,NULL);
INSERT INTO "users" VALUES('myapp','0d4fab43-de96-4b29-8f79-cb03e5fc6886',NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO "users" VALUES('myapp','e95a2c95-44bb-4423-aa6d-f5606b1aef93',NULL,NULL,NULL,'2026-11-28T15:13:15.403387Z',0,NULL,NULL);
INSERT INTO "users" VALUES('myapp','a1c6f066-1125-4120-a7a8-1015e7298ecb','$2a$10$YlnGD3rpybCl4JacrXMiV.f29zSbzsCYJGcI622tLxylxJp/3B1C2',NULL,'2026-11-28T15:13:15.501691Z','2026-11-28T15:13:15.501691Z',0,NULL,NULL);
CREATE UNIQUE INDEX uq_principals_user ON principals (app, user_id, kind, provider);
CREATE INDEX ix_records_created ON records (app, type, created_at, id, database_id);
CREATE INDEX ix_auth_keys_user ON auth_keys (app, user_id, "key");
COMMIT;
