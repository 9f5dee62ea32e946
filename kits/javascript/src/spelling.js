// The admin API's names and times, and those of JavaScript.
'use strict';

/** Return *row* with its names in camel case, and the members in *times* as dates. */
function fromAdmin(row, times = []) {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
      times.includes(name) && value ? new Date(value) : value,
    ]),
  );
}

/** Return *options* with their names in snake case. */
function toAdmin(options) {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

/** Return a time, a Date or text such as '2030-01-01T00:00:00Z', as the admin API expects it. */
function inUtc(time) {
  const date = new Date(time);
  const hasZone = typeof time !== 'string' || /(Z|[+-]\d\d:\d\d)$/.test(time);
  if (Number.isNaN(date.getTime()) || !hasZone) {
    throw new RangeError(`${time} is not a time with its zone, such as 2030-01-01T00:00:00Z`);
  }
  return date.toISOString();
}

/** Return *text* with escapes for characters that would control a terminal. */
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}

module.exports = { fromAdmin, inUtc, toAdmin, visible };
