/** The server's log: four severities, one line or one table each, to standard error. */
export interface Log {
  verbose(level: number, message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/** The process's log. */
export const log: Log = {
  verbose() {},
  info: (message) => console.error(`I ${message}`),
  warning: (message) => console.error(`W ${message}`),
  error: (message) => console.error(`E ${message}`),
};
