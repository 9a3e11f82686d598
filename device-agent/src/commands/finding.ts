/** What one check of `doctor` found. */
export interface Finding {
  /** What was looked at, e.g. "reader ACR122U". */
  readonly check: string;
  readonly state: "ok" | "warning" | "failed";
  readonly detail: string;
  /** The command, or the step, that mends it; never with "ok". */
  readonly mend?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, state: "ok", detail });
export const warning = (check: string, detail: string, mend: string): Finding => ({
  check,
  state: "warning",
  detail,
  mend,
});
export const failed = (check: string, detail: string, mend: string): Finding => ({
  check,
  state: "failed",
  detail,
  mend,
});
