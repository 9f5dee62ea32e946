// What can go wrong: a refused call or login, a request that the admin API refuses, no answer.
'use strict';

/**
 * A refused call: what the client got, and the server's explanation.
 * `error` is the error in the answer, `reason` a code such as 'expired'; empty if there is none.
 */
class CallRefusedError extends Error {
  constructor({ status, headers, text }) {
    const [, reason = '', explanation = ''] = /^(\w+): (.*)$/.exec(headers['x-skylogin-reason'] ?? '') ?? [];
    const error = readError(text);
    const said = error.name ? `${status} ${error.name} ${error.code}: ${error.message}` : `${status}`;
    super(reason ? `${said} (${reason}: ${explanation})` : said);
    this.name = 'CallRefusedError';
    this.status = status;
    this.error = error;
    this.reason = reason;
    this.explanation = explanation;
  }
}

/** A refused login. */
class LoginRefusedError extends CallRefusedError {
  constructor(answer) {
    super(answer);
    this.name = 'LoginRefusedError';
  }
}

/** A request that the admin API refused. `errors` lists the problems, such as those of a seed. */
class AdminError extends Error {
  constructor(method, path, { status, text }) {
    const { detail = text, errors = [] } = readObject(text);
    super([`${method} ${path}: ${status} ${detail}`, ...errors].join('\n'));
    this.name = 'AdminError';
    this.status = status;
    this.errors = errors;
  }
}

/** A request without a complete answer. */
class NoAnswerError extends Error {
  constructor(method, url, cause) {
    super(`${method} ${url}: ${cause.message || cause.code}`, { cause });
    this.name = 'NoAnswerError';
  }
}

function readError(text) {
  const { error } = readObject(text);
  return error && typeof error === 'object' ? error : {};
}

function readObject(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

module.exports = { AdminError, CallRefusedError, LoginRefusedError, NoAnswerError };
