import { DecodeError, decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, Fields, labelled } from "../cbor/fields.js";
import { AGENT_ID } from "../topics.js";
import { type Verdict, no, yes } from "../verdict.js";
import { fromBase64Url, toBase64Url } from "./base64url.js";

/**
 * What one line carries from the staff member's screen to the Pi (SPEC 10.1): whom to ask, as whom, and whom to
 * believe.
 */
export interface Invite {
  /**
   * Base of the gateway's address without a path, e.g. `https://gateway.example:8443`; plain `http:` only to this
   * computer.
   */
  readonly url: string;
  readonly agent: string;
  /** 16 random bytes, good for one enrolment. */
  readonly secret: Uint8Array;
  /** SHA-256 of root version 1: the site's id. */
  readonly rootHash: Uint8Array;
  /** SHA-256 of the DER of the site CA's certificate. */
  readonly caHash: Uint8Array;
}

const PREFIX = "badgekey1:";
const MOST_CHARACTERS = 1024;
const M = { url: 1, agent: 2, secret: 3, rootHash: 4, caHash: 5 } as const;
/** Plain http is for the demo on one computer: anywhere else the secret would cross a wire in the clear. */
const ADDRESS =
  /^(?:https:\/\/(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?$/;

/** The one line to paste; throws RangeError for an invite that no agent would take. */
export function encodeInvite(invite: Invite): string {
  const bytes = encodeDeterministic(
    labelled([
      [M.url, invite.url],
      [M.agent, invite.agent],
      [M.secret, invite.secret],
      [M.rootHash, invite.rootHash],
      [M.caHash, invite.caHash],
    ]),
  );
  const line = PREFIX + toBase64Url(bytes);
  const checked = decodeInvite(line);
  if (!checked.ok) throw new RangeError(`not an invite: ${checked.detail ?? checked.code}`);
  return line;
}

/** Reads a pasted line; white space around it is taken off. No: INVITE_INVALID, `detail` says what to do. */
export function decodeInvite(line: string): Verdict<Invite, "INVITE_INVALID"> {
  const text = line.trim();
  if (!text.startsWith(PREFIX)) return no("INVITE_INVALID", `an invite is one line that begins with ${PREFIX}`);
  const bytes = text.length <= MOST_CHARACTERS ? fromBase64Url(text.slice(PREFIX.length)) : undefined;
  const invite = bytes && readInvite(bytes);
  return invite ? yes(invite) : no("INVITE_INVALID", "the line is damaged or cut off: copy all of it");
}

function readInvite(bytes: Uint8Array): Invite | undefined {
  try {
    const fields = new Fields(decodeStrict(bytes, { tags: [], maxBytes: MOST_CHARACTERS }), []);
    return {
      url: fields.text(M.url, 256, ADDRESS),
      agent: fields.text(M.agent, 32, AGENT_ID),
      secret: fields.bytes(M.secret, 16),
      rootHash: fields.bytes(M.rootHash, 32),
      caHash: fields.bytes(M.caHash, 32),
    };
  } catch (error) {
    if (error instanceof DecodeError || error instanceof FieldError) return undefined;
    throw error;
  }
}
