/** What a guest asks the host to see at a pin, on a line of its console after LOOK, as JSON. */
export interface PiLook {
  readonly what: string;
  readonly pin: number;
  readonly level: 0 | 1;
  readonly drive: "input" | "output";
  /** It must be so for a second; otherwise it must become so. */
  readonly stays: boolean;
}

export const LOOK = "@@look ";
