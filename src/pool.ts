// `alphapulse/pool`: connections to several relays at once, and where those are found.

export { type DnsSrvOptions, dnsSrv } from "./pool/dns-srv.js";
export type { Endpoint, EndpointSource, Endpoints } from "./pool/endpoints.js";
export type { EndpointStats } from "./pool/member.js";
export { Pool } from "./pool/pool.js";
export type { Balance, PoolEvent, PoolOptions, PoolStats } from "./pool/pool-options.js";
