// Starting `skylogin dev` as a child process that stops when this one ends, however it ends.
'use strict';

const { spawn } = require('node:child_process');
const { accessSync, constants, existsSync } = require('node:fs');
const path = require('node:path');
const { createInterface } = require('node:readline');
// Taken now: a test may replace the timers.
const { clearInterval, clearTimeout, setInterval, setTimeout } = require('node:timers');

// The first start by uvx or pipx builds an environment.
const START_SECONDS_MAX = 120;
const WATCH_SECONDS = 0.5;
// Isolated, the server reads only SKYLOGIN_ variables from the project's environment. It
// stops when its standard input closes, which the system does for a killed process too.
const OPTIONS = ['dev', '--isolated', '--port', '0', '--exit-with-parent'];
const CHECKOUT = path.join(__dirname, '..', '..', '..');

/** Start a server. Returns its ready line and a function that stops it. */
async function launch(settings, environment) {
  const [program, ...before] = commandFor(environment);
  const given = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const child = spawn(program, [...before, ...OPTIONS, ...given], { stdio: 'pipe', env: environment });
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  // After all of its output is read.
  const failed = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`it ended with ${code ?? signal}`));
  });
  const end = () => child.stdin.destroy();
  exited.then(whenRunnerEnds(end));
  const stop = async () => {
    child.ref();
    end();
    await exited;
  };
  const said = keepErrors(child.stderr);
  try {
    const ready = JSON.parse(await firstLine(child.stdout, failed));
    said.passOn();
    // A test file that forgets to stop the server still ends.
    [child, child.stdin, child.stdout, child.stderr].forEach((one) => one.unref());
    child.stdout.resume();
    return { ...ready, stop };
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start a server: ${error.message}\n${said.text()}`.trimEnd());
  }
}

/**
 * Call *end* when the test runner that started this process as a worker is gone. If it is killed, its
 * workers stay, but their servers must not. Returns a function that stops watching.
 */
function whenRunnerEnds(end) {
  const isWorker = process.connected || process.env.NODE_TEST_CONTEXT !== undefined;
  if (!isWorker) {
    return () => {};
  }
  // Jest's tests have a copy of `process`, on which no events arrive and `ppid` stays.
  const runner = process.ppid;
  const watch = setInterval(() => isRunning(runner) || end(), WATCH_SECONDS * 1000).unref();
  return () => clearInterval(watch);
}

function isRunning(id) {
  try {
    return process.kill(id, 0);
  } catch (error) {
    // With EPERM, it exists but belongs to another user.
    return error.code === 'EPERM';
  }
}

/** Return the command that runs skylogin here. */
function commandFor(environment) {
  if (isOnPath('skylogin', environment)) {
    return ['skylogin'];
  }
  // Not by its name alone: on a package index, that may be something else.
  const source = environment.SKYLOGIN_PACKAGE || (existsSync(path.join(CHECKOUT, 'pyproject.toml')) && CHECKOUT);
  if (source && isOnPath('uvx', environment)) {
    return ['uvx', '--from', source, 'skylogin'];
  }
  if (source && isOnPath('pipx', environment)) {
    return ['pipx', 'run', '--spec', source, 'skylogin'];
  }
  throw new Error(
    'there is no skylogin to start: install it so that it is on the PATH; or install uv or pipx, ' +
      'and set SKYLOGIN_PACKAGE to a wheel, a checkout or a URL of one; or set SKYLOGIN_URL to a running server',
  );
}

function isOnPath(program, environment) {
  return (environment.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

/** Return the first line of *stream*. */
function firstLine(stream, failed) {
  return new Promise((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error('it took too long')), START_SECONDS_MAX * 1000);
    createInterface(stream).once('line', resolve);
    failed.then((why) => reject(new Error(why))).finally(() => clearTimeout(tooLate));
    tooLate.unref();
  });
}

/** Collect what a server writes to *stream* until it is ready, and pass on what it writes later. */
function keepErrors(stream) {
  const chunks = [];
  const keep = (chunk) => chunks.push(chunk);
  stream.on('data', keep);
  return {
    text: () => Buffer.concat(chunks).toString(),
    passOn: () => {
      process.stderr.write(Buffer.concat(chunks));
      stream.off('data', keep).on('data', (chunk) => process.stderr.write(chunk));
    },
  };
}

module.exports = { launch };
