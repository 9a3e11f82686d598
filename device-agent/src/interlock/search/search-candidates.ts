import type { Candidate } from "../interlock-state.js";

/**
 * The people of the search, each named by a letter: "a" and "b" may work alone, "t" and "u" are trainees, "T" and "U"
 * trainers, "S" a steward, "w" is let pass by a machine that only watches. The session's id begins with the letter.
 */
export function searchCandidate(key: string, session = 0): Candidate {
  const letter = key.charCodeAt(0);
  return {
    session: Uint8Array.of(letter, 0, 0, 0, session >>> 24, session >>> 16, session >>> 8, session),
    needsSupervision: key === "t" || key === "u",
    maySupervise: key === "T" || key === "U" || key === "S",
    isSteward: key === "S",
    waived: key === "w" ? ["TRAINING_MISSING"] : [],
    holder: {
      key,
      holder: `${key}0000000`,
      issuer: Uint8Array.of(1, 2, 3, 4),
      statusIndex: letter,
      badge: new Uint8Array(8).fill(letter),
      grants: [{ training: 1, level: 2 }],
      assurance: 2,
    },
  };
}
