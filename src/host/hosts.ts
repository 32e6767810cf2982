/**
 * What hosts give, by the names of imports.
 */
export type Hosts = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

export interface ImportName {
  readonly module: string;
  readonly name: string;
}

/** What is given for an import; undefined where that is nothing. */
export function hosted(hosts: Hosts, { module, name }: ImportName): unknown {
  // Names are the module's to choose: what every object has by inheritance is no host's.
  const host = Object.hasOwn(hosts, module) ? hosts[module] : undefined;
  return host !== undefined && Object.hasOwn(host, name) ? host[name] : undefined;
}
