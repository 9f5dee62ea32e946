// A skylogin server for tests. Test runners have modules of their own: skylogin/node-test,
// skylogin/vitest and skylogin/jest.
'use strict';

const { SkyloginApp } = require('./src/app.js');
const errors = require('./src/errors.js');
const { SkyloginServer, shareSkylogin, startSkylogin } = require('./src/server.js');

module.exports = {
  startSkylogin,
  shareSkylogin,
  SkyloginServer,
  SkyloginApp,
  AdminError: errors.AdminError,
  CallRefusedError: errors.CallRefusedError,
  LoginRefusedError: errors.LoginRefusedError,
  NoAnswerError: errors.NoAnswerError,
};
