/** Which server to use, and its settings. */
export interface StartOptions {
  /** A server that is running. */
  url?: string;
  /** Its admin token. Default: SKYLOGIN_ADMIN_TOKEN, else the default master key of `skylogin dev`. */
  adminToken?: string;
  /** Settings by their variables. They get their own server. */
  settings?: Record<string, string>;
}

/** The options of a test file. */
export interface UseOptions {
  /** The app's name. Default: a unique one. */
  app?: string;
  /** Settings by their variables. The file then gets its own server. */
  settings?: Record<string, string>;
  /** What each test begins with, besides `skylogin.yaml`: a seed, or the path of one in YAML or JSON. */
  seed?: Seed | string;
}

/** Use the server that is running, or start one. */
export function startSkylogin(options?: StartOptions): Promise<SkyloginServer>;

/** Start a server for this process and its later child processes. Returns a function that stops it. */
export function shareSkylogin(options?: StartOptions): Promise<() => Promise<void>>;

export class SkyloginServer {
  private constructor();
  /** The URL, with a slash at the end. */
  readonly url: string;
  readonly adminToken: string;
  /** Return an app, which is created if needed. Default name: a unique one. */
  app(name?: string): Promise<SkyloginApp>;
  /** Stop the server, if this process started it. */
  close(): Promise<void>;
}

/** One app. The server is asked each time, so nothing is ever stale. */
export class SkyloginApp {
  private constructor();
  readonly name: string;
  /** The endpoint for Skygear's SDK, with a slash at the end. */
  readonly url: string;
  /** The app's pages in the portal. */
  readonly portal: string;
  readonly apiKey: string;
  readonly masterKey: string;
  /** The secret that signs custom tokens: your auth server's CUSTOM_TOKEN_SECRET. */
  readonly secret: string;
  readonly users: Users;
  readonly logins: Logins;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly stubs: Stubs;
  readonly calls: Calls;
  readonly outbox: Outbox;
  /** Wait until the server runs. Needed in `before` hooks: in tests, url, keys and secret are known. */
  ready(): Promise<void>;
  /** Return a custom token, issued now by the app's clock. */
  token(sub: string, options?: TokenOptions): Promise<string>;
  /** Make a token and log in with it. Rejects with a LoginRefusedError. */
  login(sub: string, options?: TokenOptions): Promise<LoggedIn>;
  /** Log in with a token. Rejects with a LoginRefusedError. */
  loginWith(token: string): Promise<LoggedIn>;
  /** Return the result of any action. Rejects with a CallRefusedError. */
  call(action: string, payload?: object, options?: { withMasterKey?: boolean }): Promise<any>;
  /**
   * Remove everything but the app's keys, secret and snapshots, and reset its clock. With `project`, add
   * the users, roles and stubs of `skylogin.yaml`, as before each test.
   */
  reset(options?: { project?: boolean }): Promise<void>;
  /** Delete the app. */
  delete(): Promise<void>;
  /** Add users and stubs: a seed, or the path of one in YAML or JSON. */
  seed(seed: Seed | string): Promise<void>;
  /** Return the users as a seed. */
  export(): Promise<Seed>;
  /** Save the app with its clock. */
  snapshot(name: string): Promise<void>;
  /** Restore the app, and end faults. */
  restore(name: string): Promise<void>;
  /** Delete a snapshot. */
  forget(name: string): Promise<void>;
  /** Ask the admin API about this app, such as `app.admin('GET', 'overview')`. */
  admin(method: string, path: string, body?: unknown): Promise<any>;
}

/** Kinds of tokens that are refused. */
export type BadToken =
  | 'expired'
  | 'not_yet'
  | 'wrong_secret'
  | 'wrong_algorithm'
  | 'unsigned'
  | 'tampered'
  | 'no_sub'
  | 'empty_sub'
  | 'long_sub'
  | 'no_iat'
  | 'no_exp'
  | 'bad_profile'
  | 'malformed';

export interface TokenOptions {
  /** The token's `skyprofile`. */
  profile?: Record<string, unknown>;
  /** Seconds until `exp`: 3600 by default. */
  expiresIn?: number;
  algorithm?: 'HS256' | 'HS384' | 'HS512';
  /** More claims; they replace generated ones. */
  claims?: Record<string, unknown>;
  /** What is wrong with the token. */
  bad?: BadToken;
}

export interface LoggedIn {
  userId: string;
  accessToken: string;
  /** The app's own fields. */
  profile: Record<string, any>;
  /** The user record as sent. */
  record: Record<string, any>;
  roles: string[];
  lastLoginAt: Date | null;
  lastSeenAt: Date | null;
}

export interface Seed {
  users?: SeedUser[];
  admin_roles?: string[];
  default_roles?: string[];
}

export interface NewUser {
  id?: string;
  profile?: Record<string, unknown>;
  roles?: string[];
  password?: string;
  password_hash?: string;
  disabled?: boolean | { message?: string; until?: string | Date };
}

export interface SeedUser extends NewUser {
  sub?: string;
}

export class Users {
  private constructor();
  /** Return the user whose custom tokens have this `sub`, undefined if there is none. */
  get(sub: string): Promise<User | undefined>;
  /** Return all users with a `sub`, the oldest first. */
  list(): Promise<User[]>;
  /** Add a user without a login, or change one. */
  add(sub: string, user?: NewUser): Promise<User>;
}

/** A user as they were when they were looked up. */
export interface User {
  readonly sub: string;
  readonly id: string;
  readonly profile: Record<string, any>;
  readonly record: Record<string, any>;
  readonly roles: string[];
  readonly disabled: boolean;
  readonly disabledMessage: string | null;
  readonly disabledUntil: Date | null;
  readonly hasPassword: boolean;
  readonly createdAt: Date | null;
  readonly lastLoginAt: Date | null;
  readonly lastSeenAt: Date | null;
  readonly signedOutAt: Date | null;
  /** Refuse the user's logins and calls, permanently or until a time. */
  disable(options?: { message?: string; until?: Date | string }): Promise<void>;
  enable(): Promise<void>;
  /** Replace the roles. */
  setRoles(...roles: string[]): Promise<void>;
  /** Change fields of the profile; null removes one. */
  edit(profile: Record<string, unknown>): Promise<void>;
  /** Revoke all access tokens. */
  signOut(): Promise<void>;
  delete(): Promise<void>;
}

export interface LoginFilters {
  subject?: string;
  /** A code, such as 'expired'. */
  reason?: string;
  accepted?: boolean;
  userId?: string;
}

export class Logins {
  private constructor();
  /** Return the login attempts since the app was reset, the oldest first. */
  all(filters?: LoginFilters): Promise<LoginAttempt[]>;
  accepted(): Promise<LoginAttempt[]>;
  refused(): Promise<LoginAttempt[]>;
  last(): Promise<LoginAttempt | undefined>;
  /** Return the first attempt that matches, past or future. Rejects after 5 seconds. */
  waitFor(filters?: LoginFilters, options?: { timeoutSeconds?: number }): Promise<LoginAttempt>;
  /** Return the attempts as text, one per line. */
  describe(): Promise<string>;
}

export interface LoginAttempt {
  id: string;
  at: Date;
  accepted: boolean;
  reason: string;
  explanation: string;
  subject: string;
  userId: string;
  status: number;
  action: string;
  algorithm: string;
  header: Record<string, any>;
  claims: Record<string, any>;
  claimNames: string[];
  /** The token's `skyprofile`, undefined if it had none or it was not kept. */
  profile?: Record<string, any>;
  /** The secret that signed the token, if any. */
  secretId: string;
  /** Return the attempt as one line. */
  toString(): string;
}

/** The app's clock. Each method returns the time that it then shows. */
export class Clock {
  private constructor();
  now(): Promise<Date>;
  /** Stop the clock, now or at a time. */
  freeze(at?: Date | string): Promise<Date>;
  /** Let the clock run again. */
  unfreeze(): Promise<Date>;
  /** Set the clock; it continues from there. */
  set(at: Date | string): Promise<Date>;
  /** Move the clock by seconds, or by parts: `advance({ hours: 2 })`. Negative: back. */
  advance(by: number | { seconds?: number; minutes?: number; hours?: number; days?: number }): Promise<Date>;
  /** Reset the clock to the server's time. */
  reset(): Promise<Date>;
}

export interface FaultOptions {
  /** The action whose calls it affects. Default: '*', any action. */
  action?: string;
  /** How many calls it affects. Default: 1. */
  calls?: number;
  probability?: number;
  /** The same seed affects the same calls. */
  seed?: number;
  /** Seconds after which it ends if it is not used. */
  expiresIn?: number;
}

export class Faults {
  private constructor();
  /** Answer late. */
  latency(seconds: number, options?: FaultOptions): Promise<Fault>;
  /** Answer with a Skygear error, such as ResourceNotFound. */
  error(name: string, options?: FaultOptions & { message?: string }): Promise<Fault>;
  /** Answer with a bare status, as a proxy would. */
  status(status: number, options?: FaultOptions): Promise<Fault>;
  /** Close the connection; with `after`, carry the call out first. */
  drop(options?: FaultOptions & { after?: boolean }): Promise<Fault>;
  /** Send half of the answer. */
  truncate(options?: FaultOptions): Promise<Fault>;
  /** Answer with the error of a busy database. */
  databaseBusy(options?: FaultOptions): Promise<Fault>;
  /** Answer with 429 after *limit* calls in *window* seconds of the app's clock, until it is ended. */
  rate(limit: number, window: number, options?: FaultOptions): Promise<Fault>;
  /** Any of these, with the names of the admin API in camel case. */
  add(kind: string, options?: FaultOptions & Record<string, unknown>): Promise<Fault>;
  list(): Promise<Fault[]>;
  clear(): Promise<void>;
}

export interface Fault {
  id: string;
  kind: string;
  action: string;
  callsLeft: number;
  /** The number of calls it affected. */
  struck: number;
  expiresIn: number;
  end(): Promise<void>;
}

export interface StubOptions {
  /** Members that the call's arguments must have; they may have more. Default: any arguments. */
  arguments?: unknown;
  /** How many calls it answers. Default: all, unless a newer stub answers them. */
  times?: number;
  /** Seconds before the answer. */
  delay?: number;
  keyRequired?: boolean;
  userRequired?: boolean;
}

/** Answers to actions that skylogin does not emulate, such as cloud functions. */
export class Stubs {
  private constructor();
  /** Answer calls of an action; `push:*` stands for every action that begins with `push:`. */
  answer(action: string, result?: unknown, options?: StubOptions): Promise<Stub>;
  /** Answer with an error: the name of one of Skygear, or any code. */
  fail(
    action: string,
    error: string | number,
    options?: StubOptions & { message?: string; info?: Record<string, unknown> },
  ): Promise<Stub>;
  list(): Promise<Stub[]>;
  clear(): Promise<void>;
}

export interface Stub {
  id: string;
  action: string;
  arguments: any;
  times: number | null;
  delay: number;
  /** How many calls it has answered. */
  used: number;
  remove(): Promise<void>;
}

/** The calls that clients made, with `…` for secrets. */
export class Calls {
  private constructor();
  /** Return the calls of an action, the oldest first; `push:*` stands for every action that begins so. */
  all(action?: string): Promise<RecordedCall[]>;
  /** Return the calls that nothing answered. */
  unmatched(): Promise<RecordedCall[]>;
  /** Return the first answered call that matches, past or future. Rejects after 5 seconds. */
  waitFor(
    action: string,
    options?: { arguments?: unknown; timeoutSeconds?: number },
  ): Promise<RecordedCall>;
  clear(): Promise<void>;
}

export interface RecordedCall {
  id: string;
  at: Date;
  action: string;
  /** The `args` of a cloud function, or the members of another action's payload. */
  arguments: any;
  /** Why the arguments are not here; empty otherwise. */
  leftOut: string;
  key: 'none' | 'client' | 'master';
  userId: string;
  /** Null until it is answered. */
  status: number | null;
  error: string;
  reason: string;
  explanation: string;
  stubId: string | null;
}

/** The mails and codes that the app would have sent to its users. */
export class Outbox {
  private constructor();
  /** Return the mails of this test, the oldest first. */
  all(): Promise<Mail[]>;
  /** Return the latest mail, or the latest to an address, past or future. Rejects after 5 seconds. */
  waitFor(filters?: { to?: string }, options?: { timeoutSeconds?: number }): Promise<Mail>;
  /** Delete the mails. Their codes become invalid. */
  clear(): Promise<void>;
}

export interface Mail {
  id: string;
  at: Date;
  kind: 'reset' | 'verification';
  /** The e-mail address or the phone number. */
  to: string;
  userId: string;
  code: string;
  expiresAt: Date;
  link: string;
  /** The field of the user that it is sent to. */
  recordKey: string;
  text: string;
  /** Whether the code has been used. */
  used: boolean;
}

/** The error that a client got. */
export interface SkygearError {
  name?: string;
  code?: number;
  message?: string;
  info?: Record<string, any>;
}

export class CallRefusedError extends Error {
  protected constructor();
  readonly status: number;
  readonly error: SkygearError;
  /** A code, such as 'expired'. */
  readonly reason: string;
  readonly explanation: string;
}

export class LoginRefusedError extends CallRefusedError {}

export class AdminError extends Error {
  private constructor();
  readonly status: number;
  /** All problems, such as those of a seed. */
  readonly errors: string[];
}

/** The call got no complete answer. */
export class NoAnswerError extends Error {
  private constructor();
}
