// An app for a test file of Vitest.
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import appsOfFiles from '../src/app_of_file.js';

const { appOfFile, attemptsOf } = appsOfFiles;
// Vitest's own limit is shorter than the first start by uvx.
const START_MS_MAX = 120_000;

/** Give this test file an app. A failed test shows its login attempts. */
export function useSkylogin(options) {
  const before = (start) => beforeAll(start, START_MS_MAX);
  const app = appOfFile({ before, beforeEach, after: afterAll }, options);
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') {
      console.error(await attemptsOf(app));
    }
  });
  return app;
}
