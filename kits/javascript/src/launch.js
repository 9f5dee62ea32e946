// Starting `skylogin dev` as a child process that ends with this one, however that ends.
'use strict';

const { spawn } = require('node:child_process');
const { accessSync, constants, existsSync } = require('node:fs');
const path = require('node:path');
const { createInterface } = require('node:readline');

// The first start by uvx or pipx builds an environment.
const START_SECONDS_MAX = 120;
// Isolated, the server takes nothing from the project's environment but SKYLOGIN_ variables. It
// stops when its standard input closes, which the system does for a killed process too.
const OPTIONS = ['dev', '--isolated', '--port', '0', '--exit-with-parent'];
const CHECKOUT = path.join(__dirname, '..', '..', '..');

/** Start a server. Returns its ready line and a function that stops it. */
async function launch(settings, environment) {
  const [program, ...before] = commandFor(environment);
  const given = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const child = spawn(program, [...before, ...OPTIONS, ...given], { stdio: 'pipe', env: environment });
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  // When all that it has said is read.
  const failed = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`it ended with ${code ?? signal}`));
  });
  const end = () => child.stdin.destroy();
  const stop = async () => {
    child.ref();
    end();
    process.off('disconnect', end);
    await exited;
  };
  const said = keepErrors(child.stderr);
  try {
    const ready = JSON.parse(await firstLine(child.stdout, failed));
    said.passOn();
    // A test file that forgets to stop the server still ends.
    [child, child.stdin, child.stdout, child.stderr].forEach((one) => one.unref());
    child.stdout.resume();
    // A test runner that is killed may leave its workers behind, but not their servers.
    if (process.connected) {
      process.once('disconnect', end);
    }
    return { ...ready, stop };
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start a server: ${error.message}\n${said.text()}`.trimEnd());
  }
}

/** Return the command that runs skylogin here. */
function commandFor(environment) {
  if (isOnPath('skylogin', environment)) {
    return ['skylogin'];
  }
  // Never by its name alone, under which an index may have something else.
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

/** Keep what a server writes to *stream* until it is ready, and pass on what comes later. */
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
