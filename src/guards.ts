// `alphapulse/guards`: what keeps a failing endpoint from being asked, and a fast sender from sending too much.

export {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  type Permit,
} from "./guards/circuit-breaker.js";
export { CircuitOpenError } from "./guards/circuit-open-error.js";
export { type GuardOptions, guarded } from "./guards/guarded-transport.js";
export { RateLimiter, type RateLimiterOptions } from "./guards/rate-limiter.js";
