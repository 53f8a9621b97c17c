import { describe, expect, test } from 'vitest';
import { createStateSealer, STATE_KEY_BYTES } from '../../src/protocol/rev-2026-07-28/request-state.ts';

const key = new Uint8Array(STATE_KEY_BYTES).fill(7);
const sealer = createStateSealer(key);
const binding = { principal: 'ann', tool: 'deploy', arguments: { to: 'prod', n: 1 } };
const state = { taskId: 'task-1', keys: { confirm: 'in-1' }, expiresAt: 10_000 };
const sealed = sealer.seal(state, binding);

describe('a requestState handle', () => {
  test('opens for the call that it was sealed for', () => {
    expect(sealer.open(sealed, binding, 9_999)).toEqual(state);
  });

  test('opens whatever the order of the argument keys', () => {
    expect(sealer.open(sealed, { ...binding, arguments: { n: 1, to: 'prod' } }, 0)).toEqual(state);
  });

  test('H1: does not open when any one character is changed, dropped or added', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = sealed[at] === 'A' ? 'B' : 'A';
      expect(sealer.open(sealed.slice(0, at) + changed + sealed.slice(at + 1), binding, 0)).toBeUndefined();
      expect(sealer.open(sealed.slice(0, at) + sealed.slice(at + 1), binding, 0)).toBeUndefined();
    }
    for (const added of ['-TAMPERED', '=', '.', ' ', '\n', 'A']) {
      expect(sealer.open(sealed + added, binding, 0)).toBeUndefined();
      expect(sealer.open(added + sealed, binding, 0)).toBeUndefined();
    }
  });

  test.each([
    ['another principal', { ...binding, principal: 'bob' }],
    ['another tool', { ...binding, tool: 'destroy' }],
    ['other arguments', { ...binding, arguments: { to: 'test', n: 1 } }],
    ['an argument more', { ...binding, arguments: { to: 'prod', n: 1, force: true } }],
  ])('H1: does not open for %s', (_name, other) => {
    expect(sealer.open(sealed, other, 0)).toBeUndefined();
  });

  test('H1: does not open with another key', () => {
    const other = createStateSealer(new Uint8Array(STATE_KEY_BYTES).fill(8));
    expect(other.open(sealed, binding, 0)).toBeUndefined();
  });

  test('H2: does not open at its expiry or later', () => {
    expect(sealer.open(sealed, binding, 10_000)).toBeUndefined();
    expect(sealer.open(sealed, binding, 10_001)).toBeUndefined();
  });

  test.each([[''], ['v1'], ['v1..'], ['v2.e30.x'], ['not a handle'], [`${sealed}.${sealed}`]])(
    'does not open from %j',
    (text) => {
      expect(sealer.open(text, binding, 0)).toBeUndefined();
    },
  );

  test('names neither the principal nor the arguments', () => {
    const readable = Buffer.from(sealed.split('.')[1] ?? '', 'base64url').toString('utf8');
    expect(readable).not.toMatch(/ann|deploy|prod/);
  });
});

test('a key that is too short is refused at once', () => {
  expect(() => createStateSealer(new Uint8Array(STATE_KEY_BYTES - 1))).toThrow(RangeError);
});
