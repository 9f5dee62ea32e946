/** `jest-environment-node`, or testEnvironmentOptions.skyloginEnvironment, with login attempts. */
declare const SkyloginEnvironment: new (config: any, context: any) => any;
export = SkyloginEnvironment;
