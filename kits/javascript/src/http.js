// HTTP by node:http, with a new connection each time: a test may replace `fetch` and the timers.
'use strict';

const http = require('node:http');
const https = require('node:https');

const { NoAnswerError } = require('./errors.js');

/** Send a request, and return the status, headers and text of the answer. */
function send(method, url, { headers = {}, body } = {}) {
  const { request } = new URL(url).protocol === 'https:' ? https : http;
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(new NoAnswerError(method, url, error));
    const sent = request(url, { method, headers: { ...type, ...headers }, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    sent.on('error', fail);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

module.exports = { send };
