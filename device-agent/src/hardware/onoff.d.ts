/** The part of onoff 6 that is used here; declared because onoff is optional and the build must not depend on it. */
declare module "onoff" {
  export class Gpio {
    constructor(
      gpio: number,
      direction: "in" | "out" | "high" | "low",
      edge?: "none" | "rising" | "falling" | "both",
      options?: { readonly activeLow?: boolean },
    );
    readSync(): 0 | 1;
    writeSync(value: 0 | 1): void;
    direction(): string;
    activeLow(): boolean;
    /** Throws where the pin's file cannot be polled. */
    watch(onEdge: (error: Error | null | undefined, value: 0 | 1) => void): void;
  }
}
