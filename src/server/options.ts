import { isIPv4 } from 'node:net';
import { UserError } from '../errors.js';

/** Where a server listens. */
export interface Address {
  /** A name, an IPv4 or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 = any that is free. */
  readonly port: number;
}

/** What a server takes at most. */
export interface ServerLimits {
  /** Bytes of a message. */
  readonly messageBytes: number;
  /** Pixels of an image, by its header. */
  readonly pixels: number;
  /** WebSocket connections and HTTP requests with frames, at once. */
  readonly clients: number;
  /** Frames that a client may have unanswered: what it is told as its credit. */
  readonly credit: number;
}

/**
 * 16 MB hold a 4K frame with raw depth. A client's unread messages take at most twice `messageBytes`: 1 GB where all
 * clients do their worst.
 */
export const SERVER_LIMITS: ServerLimits = {
  messageBytes: 16 * 2 ** 20,
  pixels: 2 ** 24,
  clients: 32,
  credit: 8,
};

export interface ServerOptions {
  readonly address: Address;
  /** What clients must show; needed on every address but loopback ones. */
  readonly token?: string | undefined;
  readonly limits?: Partial<ServerLimits>;
  /** Whether to log, as lines of JSON, to stderr. */
  readonly log?: boolean;
  /** Milliseconds between looks at whether a client is still there. */
  readonly heartbeat?: number;
}

/**
 * Parses `HOST:PORT`, `:PORT` or `PORT`; without a host it is this machine alone.
 * @throws UserError where it is none
 */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]:|([^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port <= 65535))
    throw new UserError(`Expected an address such as 127.0.0.1:8700 or [::1]:8700, got "${text}".`);
  return { host: bracketed ?? (plain || '127.0.0.1'), port };
}

/** Whether only programs on this machine reach a host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Limits by the names that users give them, and what their numbers count. */
const LIMIT_NAMES = {
  message: 'bytes',
  pixels: 'number',
  clients: 'number',
  credit: 'number',
  waiting: 'number',
  scenes: 'number',
  disk: 'bytes',
} as const;
export type LimitName = keyof typeof LIMIT_NAMES;

const UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/**
 * Parses a limit, such as `disk=200GB` or `clients=8`.
 * @throws UserError where there is no such limit, or it is no whole number above 0
 */
export function parseLimit(text: string): readonly [LimitName, number] {
  const [, name = '', digits, unit = ''] = /^(\w+)=(\d+(?:\.\d+)?) *([kmgt]?i?b?)$/i.exec(text) ?? [];
  const kind = LIMIT_NAMES[name as LimitName] as 'bytes' | 'number' | undefined;
  const factor = kind === 'bytes' ? UNITS[unit.toLowerCase()] : unit === '' ? 1 : undefined;
  const value = Number(digits) * (factor ?? Number.NaN);
  if (kind === undefined || !Number.isSafeInteger(value) || value < 1)
    throw new UserError(
      `Expected a limit such as disk=200GB or clients=8, of ${Object.keys(LIMIT_NAMES).join(', ')}; got "${text}".`,
    );
  return [name as LimitName, value];
}
