import { type Socket, connect } from "node:net";
import type { VirtualCard } from "@badgekey/shared/testing";

/** Ports of the two readers that the vpcd driver offers. */
export const VPCD_PORTS = [35_963, 35_964] as const;

/** What happens to one command instead of the card's own answer. */
export type Fault =
  | { readonly kind: "pull" }
  /** The card does what it was told and leaves before it can say so. */
  | { readonly kind: "pullAfter" }
  | { readonly kind: "silence" }
  | { readonly kind: "answer"; readonly data: Uint8Array };

/** Chooses a fault for the n-th command since insertion, from 1; undefined leaves the card alone. */
export type FaultPlan = (n: number, command: Uint8Array) => Fault | undefined;

const CONTROL = { off: 0, on: 1, reset: 2, atr: 4 } as const;

/**
 * A virtual card in the field of a vpcd reader. The wire: frames of a 16-bit length and a payload both ways; a payload
 * of one byte from vpcd is a control, everything else a command. Only commands and requests for the ATR are answered.
 */
export class VpcdCard {
  readonly #socket: Socket;
  readonly #card: VirtualCard;
  readonly #plan: FaultPlan;
  #received: Buffer = Buffer.alloc(0);
  #commands = 0;

  /** Lays `card` on the reader whose driver listens at `port`. */
  static async insert(card: VirtualCard, port: number, plan: FaultPlan = () => undefined): Promise<VpcdCard> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    card.reset();
    return new VpcdCard(socket, card, plan);
  }

  private constructor(socket: Socket, card: VirtualCard, plan: FaultPlan) {
    this.#socket = socket;
    this.#card = card;
    this.#plan = plan;
    socket.on("data", (data) => this.#receive(data));
    // pcscd that dies resets the connection: the card is out of the field then, which `close` tells.
    socket.on("error", () => socket.destroy());
  }

  /** Commands received since insertion. */
  get commands(): number {
    return this.#commands;
  }

  /** Takes the card out of the field. */
  async remove(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise((resolve) => this.#socket.once("close", resolve));
    this.#socket.destroy();
    await closed;
  }

  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    while (this.#received.length >= 2) {
      const end = 2 + this.#received.readUInt16BE(0);
      if (this.#received.length < end) return;
      const payload = Uint8Array.from(this.#received.subarray(2, end));
      this.#received = this.#received.subarray(end);
      if (payload.length === 1) this.#control(payload[0] as number);
      else this.#command(payload);
    }
  }

  #control(control: number): void {
    if (control === CONTROL.atr) this.#send(this.#card.atr);
    else if (control === CONTROL.on || control === CONTROL.reset) this.#card.reset();
  }

  #command(command: Uint8Array): void {
    const fault = this.#plan(++this.#commands, command);
    switch (fault?.kind) {
      case "silence":
        return;
      case "pull":
        this.#socket.destroy();
        return;
      case "pullAfter":
        this.#card.apdu(command);
        this.#socket.destroy();
        return;
      case "answer":
        return this.#send(fault.data);
      case undefined:
        return this.#send(this.#card.apdu(command));
    }
  }

  #send(payload: Uint8Array): void {
    const frame = Buffer.alloc(2 + payload.length);
    frame.writeUInt16BE(payload.length);
    frame.set(payload, 2);
    this.#socket.write(frame);
  }
}
