/** A second tap within so long of the first is the reader bouncing, not a wish. */
export const BOUNCE_MS = 800;
/** An accepted tap waits so long for the start button. */
export const ARMED_MS = 60_000;
/** A handover waits so long for its confirming tap. */
export const CONFIRM_MS = 15_000;
/** A machine without a busy input whose user's badge was withdrawn has so long to finish (SAFETY R10). */
export const WITHDRAWN_MS = 10 * 60_000;
/** With the reader lost, a card that must stay in is missed so long after its removal grace (SAFETY R14). */
export const READER_LOST_MS = 120_000;
