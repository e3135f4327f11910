import { formatFixed, type InstrumentId, InstrumentMap, Side } from "alphapulse";

// Exact to the last unit: prices, quantities and fees are integers of 1e-8 as on the wire, and money is price times
// quantity, so integers of 1e-16. Nothing is ever rounded but where an average cost has to be divided.

/** Decimals of money. */
export const MONEY_DECIMALS = 16;
/** Decimals of prices, quantities and fees. */
export const WIRE_DECIMALS = 8;
const FEE_TO_MONEY = 10n ** 8n;

/** What was traded of one instrument, and what came of it. */
export class Account {
  /** Above 0 long, below 0 short; 1e-8 of the base asset. */
  position = 0n;
  /** What the open position cost, or brought where it is short: money, by average cost. */
  costBasis = 0n;
  /** Profit of what was closed, before fees: money. */
  realised = 0n;
  /** Spent and received, fees taken off: money. */
  cash = 0n;
  /** 1e-8 of the quote currency. */
  fees = 0n;
  fillCount = 0;

  /** Books an execution; all in 1e-8. */
  fill(side: number, price: bigint, quantity: bigint, fee: bigint): void {
    const notional = price * quantity;
    this.cash += (side === Side.Buy ? -notional : notional) - fee * FEE_TO_MONEY;
    this.fees += fee;
    this.fillCount++;

    const change = side === Side.Buy ? quantity : -quantity;
    const isClosing = this.position !== 0n && this.position > 0n !== change > 0n;
    const opened = isClosing ? this.#close(price, quantity) : quantity;
    this.costBasis += price * opened;
    this.position += change;
  }

  /** Net of fees: money. */
  get profit(): bigint {
    return this.realised - this.fees * FEE_TO_MONEY;
  }

  /** What the open position would bring at a price, less what it cost: money. */
  unrealised(price: bigint): bigint {
    const worth = price * this.position;
    return this.position < 0n ? worth + this.costBasis : worth - this.costBasis;
  }

  /** As decimal text, every digit. */
  state(): AccountState {
    return {
      position: formatFixed(this.position, WIRE_DECIMALS),
      cash: formatFixed(this.cash, MONEY_DECIMALS),
      fees: formatFixed(this.fees, WIRE_DECIMALS),
      realised: formatFixed(this.realised, MONEY_DECIMALS),
      fills: this.fillCount,
    };
  }

  /** Closes as much of the position as there is, and returns what is left of `quantity`. */
  #close(price: bigint, quantity: bigint): bigint {
    const isLong = this.position > 0n;
    const held = isLong ? this.position : -this.position;
    const closed = quantity < held ? quantity : held;
    const released = (this.costBasis * closed) / held;
    const worth = price * closed;
    this.realised += isLong ? worth - released : released - worth;
    this.costBasis -= released;
    return quantity - closed;
  }
}

/** An account as decimal text. */
export interface AccountState {
  readonly position: string;
  readonly cash: string;
  readonly fees: string;
  readonly realised: string;
  readonly fills: number;
}

/** A strategy's share as decimal text. */
export interface StrategyState {
  readonly realised: string;
  readonly fees: string;
  /** Realised less fees. */
  readonly profit: string;
  readonly fills: number;
}

/** Counts by reject reason, by the source that rejected. */
export type Rejects = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Books of account: what the independent audit must find to the last unit. */
export interface Books {
  /** Order requests on the Execution relay. */
  readonly orders: number;
  readonly fills: number;
  readonly rejects: Rejects;
  /** By {@link instrumentKey}. */
  readonly instruments: Readonly<Record<string, AccountState>>;
  /** By strategy id; absent in the books of who does not know strategies. */
  readonly strategies?: Readonly<Record<string, StrategyState>>;
}

/** An instrument by its numbers, as someone writes it who knows no symbols: venue/assetType/assetId. */
export function instrumentKey(id: InstrumentId): string {
  return `${id.venue}/${id.assetType}/${id.assetId}`;
}

/** Keeps books: an account per instrument and, for who knows strategies, one per instrument within each of them. */
export class Ledger {
  readonly #knowsStrategies: boolean;
  readonly accounts = new InstrumentMap<Account>();
  readonly #strategies = new Map<number, InstrumentMap<Account>>();
  readonly #rejects: Record<string, Record<string, number>> = {};
  #orderCount = 0;
  #fillCount = 0;

  constructor({ knowsStrategies = false } = {}) {
    this.#knowsStrategies = knowsStrategies;
  }

  /** Orders requested. */
  get orderCount(): number {
    return this.#orderCount;
  }

  /** Executions booked. */
  get fillCount(): number {
    return this.#fillCount;
  }

  order(): void {
    this.#orderCount++;
  }

  reject(source: number, reason: number): void {
    this.#rejects[source] ??= {};
    const counts = this.#rejects[source] as Record<string, number>;
    counts[reason] = (counts[reason] ?? 0) + 1;
  }

  /** Books an execution, also for a strategy where one is given. */
  fill(id: InstrumentId, side: number, price: bigint, quantity: bigint, fee: bigint, strategyId?: number): void {
    this.#fillCount++;
    accountOf(this.accounts, id).fill(side, price, quantity, fee);
    if (!this.#knowsStrategies || strategyId === undefined) return;
    let accounts = this.#strategies.get(strategyId);
    if (accounts === undefined) {
      accounts = new InstrumentMap();
      this.#strategies.set(strategyId, accounts);
    }
    accountOf(accounts, id).fill(side, price, quantity, fee);
  }

  /** All of it, as it stands. */
  books(): Books {
    const instruments = [...this.accounts].map(([id, account]) => [instrumentKey(id), account.state()] as const);
    const strategies = [...this.#strategies].map(
      ([id, accounts]) => [id, strategyState([...accounts.values()])] as const,
    );
    return {
      orders: this.#orderCount,
      fills: this.#fillCount,
      rejects: structuredClone(this.#rejects),
      instruments: Object.fromEntries(instruments),
      ...(!this.#knowsStrategies ? {} : { strategies: Object.fromEntries(strategies) }),
    };
  }
}

function accountOf(accounts: InstrumentMap<Account>, id: InstrumentId): Account {
  let account = accounts.get(id);
  if (account === undefined) {
    account = new Account();
    accounts.set(id, account);
  }
  return account;
}

function strategyState(accounts: readonly Account[]): StrategyState {
  const realised = accounts.reduce((sum, account) => sum + account.realised, 0n);
  const fees = accounts.reduce((sum, account) => sum + account.fees, 0n);
  return {
    realised: formatFixed(realised, MONEY_DECIMALS),
    fees: formatFixed(fees, WIRE_DECIMALS),
    profit: formatFixed(realised - fees * FEE_TO_MONEY, MONEY_DECIMALS),
    fills: accounts.reduce((sum, account) => sum + account.fillCount, 0),
  };
}
