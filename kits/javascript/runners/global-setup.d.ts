/** Start a server for the whole run. Returns a function that stops it. */
declare function globalSetup(): Promise<() => Promise<void>>;
declare namespace globalSetup {
  export { globalSetup };
  export function globalTeardown(): Promise<void>;
}
export = globalSetup;
