import { expect, test } from 'vitest';
import globalSetup from 'skylogin/global-setup';
import { shareSkylogin } from 'skylogin';
import { useSkylogin } from 'skylogin/vitest';

const skylogin = useSkylogin({ settings: { AUTH_RECORD_KEYS: 'username' } });

test('a user logs in', async () => {
  const { userId } = await skylogin.login('alice');
  expect(await skylogin.users.get('alice')).toMatchObject({ id: userId });
});

export const setUps: Array<() => Promise<() => Promise<void>>> = [globalSetup, () => shareSkylogin({ url: 'http://127.0.0.1:3000' })];
