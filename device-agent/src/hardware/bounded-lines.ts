export interface LineLimits {
  /** Characters of one line. */
  readonly longest: number;
  /** Bytes between two calls of `renew`. */
  readonly mostBytes: number;
  /** Lines between two calls of `renew`, beyond those that were asked for. */
  readonly mostLines: number;
}

export interface BoundedLines {
  /** Takes what has come in and hands out complete lines. After a limit was passed nothing is taken any more. */
  take(chunk: Buffer): void;
  /** One line more may come: something was asked. */
  expect(): void;
  /** A new interval begins. */
  renew(): void;
}

/**
 * Cuts what another process writes into lines, with bounds on all of it: whatever that process does, it costs this one
 * a little memory and time (SAFETY R14). `onExcess` is called once, with what was too much.
 */
export function boundedLines(
  { longest, mostBytes, mostLines }: LineLimits,
  onLine: (line: string) => void,
  onExcess: (what: string) => void,
): BoundedLines {
  let rest = "";
  let bytes = 0;
  let lines = 0;
  let isDone = false;
  const stop = (what: string): void => {
    isDone = true;
    rest = "";
    onExcess(what);
  };
  return {
    take(chunk) {
      if (isDone) return;
      bytes += chunk.length;
      if (bytes > mostBytes) {
        stop(`more than ${String(mostBytes)} bytes at once`);
        return;
      }
      const pieces = (rest + chunk.toString("latin1")).split("\n");
      rest = pieces.pop() ?? "";
      for (const line of pieces) {
        if (line.length > longest) {
          stop(`a line of more than ${String(longest)} characters`);
          return;
        }
        if (++lines > mostLines) {
          stop(`more than ${String(mostLines)} messages at once`);
          return;
        }
        onLine(line);
      }
      if (rest.length > longest) stop(`a line of more than ${String(longest)} characters`);
    },
    expect() {
      lines -= 1;
    },
    renew() {
      bytes = 0;
      lines = 0;
    },
  };
}
