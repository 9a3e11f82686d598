/** What a guest asks the host to see at a pin, on a line of its console after LOOK, as JSON. */
export interface PiLook {
  readonly what: string;
  readonly pin: number;
  readonly level: 0 | 1;
  readonly drive: "input" | "output";
  /** It must be so all that time; otherwise it must become so within it. */
  readonly stays: boolean;
  /** The guest goes on a little later, or as soon as it has seen it itself. */
  readonly forMs: number;
}

export const LOOK = "@@look ";
