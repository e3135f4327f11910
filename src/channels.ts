// `alphapulse/channels`: several named channels over one link, none of which holds up another.

export type { ChannelStats } from "./channels/channel.js";
export { Multiplexer, type MultiplexerOptions, type MultiplexerStats } from "./channels/multiplexer.js";
