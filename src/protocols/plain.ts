/**
 * No protocol: a guest that is warmed up by calls of its exports, and may push code on its own.
 */
import { takesNoPrograms } from '../errors/usage.ts';
import { NO_PROFILES, type Protocol } from './protocol.ts';

export const PLAIN: Protocol = {
  name: 'plain',
  load(_guest, program) {
    throw takesNoPrograms(program.name);
  },
  run(guest, call) {
    guest.call(call.export, call.args, `in ${call.label}`);
  },
  collect: () => 0,
  ...NO_PROFILES,
  returnsStatus: false,
  beforeSnapshot: () => {},
  afterRestore: undefined,
  use: () => undefined,
};
