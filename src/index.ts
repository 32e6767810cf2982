/**
 * `freeze` for Node: the API of browser.ts, and what reads files of this machine.
 *
 * ```js
 * import { createWasi, freeze, nodeFiles } from 'freeze';
 * const { bytes } = await freeze(guest, {
 *   warmups: [{ kind: 'call', export: 'warm', args: [] }],
 *   host: (compiled) => createWasi({ mounts: [{ guest: '/lib', source: nodeFiles('lib') }] }, compiled),
 * });
 * ```
 */
export * from './browser.ts';
export { createNodeWasi, type NodeDirectory, type NodeWasiOptions } from './host/wasi/node.ts';
export { nodeFiles } from './host/wasi/node-files.ts';
