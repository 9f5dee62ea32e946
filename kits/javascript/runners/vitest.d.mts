import type { SkyloginApp, UseOptions } from '../index.js';

/** Give this test file an app: created before its tests, emptied before each, deleted after them. */
export function useSkylogin(options?: UseOptions): SkyloginApp;
