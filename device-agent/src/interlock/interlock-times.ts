/** A second tap within so long of the first is the reader bouncing, not a wish. */
export const BOUNCE_MS = 800;
/** An accepted tap waits so long for the start button. */
export const ARMED_MS = 60_000;
/**
 * A trainee's tap waits so long for a trainer's; and his card, where it must stay in, so long to be put back after it.
 */
export const CO_TAP_MS = 30_000;
/** The extraction has so long to show that it runs (SAFETY R11). */
export const EXTRACTION_MS = 10_000;
/** A handover waits so long for its confirming tap. */
export const CONFIRM_MS = 15_000;
/**
 * A machine without a busy input whose user's badge was withdrawn, or whose trainer left, gets so long (SAFETY R10).
 */
export const FINISH_MS = 10 * 60_000;
/** With the reader lost, a card that must stay in is missed so long after its removal grace (SAFETY R14). */
export const READER_LOST_MS = 120_000;
/** Commanded open but read closed for longer than this is a fault (SAFETY R4). */
export const STUCK_MS = 200;
/** A machine that runs without a use is told after so long… */
export const STRAY_MS = 5_000;
/** …and not before so long after a use: machines coast. */
export const COAST_MS = 10_000;
