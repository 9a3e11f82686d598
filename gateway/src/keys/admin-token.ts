import { randomBytes } from "@badgekey/shared";
import { createHash, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writeFileDurably } from "./write-file.js";

/** Reads the operator's token, or makes one of 256 random bits in a file of mode 0600. */
export function loadAdminToken(path: string): string {
  if (!existsSync(path)) writeFileDurably(path, `${Buffer.from(randomBytes(32)).toString("base64url")}\n`, 0o600);
  const token = readFileSync(path, "utf8").trim();
  if (token.length < 32) throw new Error(`${path} holds no token: delete the file, and a new one is made`);
  return token;
}

/** Compares without telling by its time where the first difference is. */
export function isToken(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
