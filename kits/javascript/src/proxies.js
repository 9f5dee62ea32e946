// Environment variables that keep programs from using a proxy for a server.
'use strict';

const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy'];
// Some programs read the one, some the other.
const EXCEPTIONS = ['NO_PROXY', 'no_proxy'];

/** Return the variables that keep programs from using the proxy of *environment* for *url*. */
function exceptionsFor(url, environment) {
  if (!PROXIES.some((name) => environment[name] || environment[name.toUpperCase()])) {
    return {};
  }
  const { hostname } = new URL(url);
  const listed = EXCEPTIONS.map((name) => environment[name]).find(Boolean) ?? '';
  const entries = listed.split(',').map((entry) => entry.trim()).filter(Boolean);
  const text = entries.some((entry) => ['*', hostname].includes(entry)) ? listed : [...entries, hostname].join(',');
  return Object.fromEntries(EXCEPTIONS.map((name) => [name, text]));
}

module.exports = { exceptionsFor };
