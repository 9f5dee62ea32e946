// Plays the app in Node. Prints one line of JSON with what the SDK saw, or says on
// stderr what was not as it should be.
'use strict';

const skygear = require('skygear');
const { playApp, describe } = require('./app_scenario.js');

const settings = JSON.parse(process.env.APP_SETTINGS);

// The SDK keeps its websockets open, so the end is said explicitly.
playApp(skygear, settings).then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)),
  (failure) => process.stderr.write(`${describe(failure)}\n`, () => process.exit(1))
);
