import { expect, test } from '@jest/globals';
import { useSkylogin } from 'skylogin/jest';

const skylogin = useSkylogin({ app: 'typescript', seed: 'users.json' });

test('a user logs in', async () => {
  const { userId } = await skylogin.login('alice');
  expect(await skylogin.users.get('alice')).toMatchObject({ id: userId });
});
