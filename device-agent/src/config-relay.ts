import { z } from "zod";
import { checkPin } from "./hardware/gpio-pins.js";

/** A Unix socket's path fits into sockaddr_un: 108 bytes with the final zero. */
const mostSocketPath = 107;

/**
 * The `relay` part of the configuration: how this controller reaches its pins. The pins themselves come from the
 * machine's signed policy; one that is named here is the relay's, whatever the policy says.
 */
export const relaySchema = z
  .discriminatedUnion("driver", [
    z.strictObject({
      /** `auto`: the character device where it and its binding are there, else sysfs. */
      driver: z.enum(["auto", "sysfs", "chardev"]),
      /** BCM number, checked against SAFETY R1. */
      pin: z.int({ error: "write the GPIO (BCM) number of the relay's pin, such as 17" }).optional(),
      activeLow: z.boolean({ error: "write true or false" }).optional(),
      /** Only for boards that are no Raspberry Pi, or whose pins are found on more than one chip. */
      chipLabel: z
        .string({ error: "write the GPIO chip's label, as `gpiodetect` shows it" })
        .min(1, "write the GPIO chip's label, as `gpiodetect` shows it")
        .max(31, "use at most 31 characters")
        .optional(),
      /** Of sysfs alone, where the label does not decide. */
      base: z
        .int({ error: "write the GPIO chip's first number in /sys/class/gpio" })
        .min(0, "write 0 or more")
        .optional(),
    }),
    z.strictObject({
      driver: z.literal("simulated"),
      socket: z
        .string({ error: "write the path of the bench's socket" })
        .min(1, "write the path of the bench's socket")
        .max(mostSocketPath, `use at most ${String(mostSocketPath)} characters`)
        .optional(),
    }),
  ])
  .superRefine((relay, context) => {
    if (relay.driver === "simulated") return;
    if (relay.pin === undefined) {
      if (relay.activeLow === undefined) return;
      const message = "write `pin` too, or neither: the machine's policy then says both";
      context.addIssue({ code: "custom", path: ["activeLow"], message });
      return;
    }
    const verdict = checkPin(relay.pin, relay.activeLow ?? false);
    if (!verdict.ok) context.addIssue({ code: "custom", path: ["pin"], message: verdict.reason });
  });
