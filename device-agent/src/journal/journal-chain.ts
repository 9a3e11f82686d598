/**
 * What the journal's thread takes from shared; kept in one place because the thread pays for all that comes with it.
 */
export { chainAfter, chainStart, rowCommitment, sameBytes } from "@badgekey/shared/chain";
