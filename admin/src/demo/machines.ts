import type { PresetName } from "@badgekey/shared";

/** The three machines of the demo site. */
export interface DemoMachinePlan {
  readonly id: string;
  readonly name: string;
  readonly preset: PresetName;
  readonly training: string;
  readonly policy: Readonly<Record<string, unknown>>;
}

export const machinePlans: readonly DemoMachinePlan[] = [
  { id: "laser-1", name: "Laser cutter", preset: "laser", training: "laser", policy: {} },
  // A simulated printer has no busy input to say when it is done: a second tap ends its use.
  { id: "printer-1", name: "3D printer", preset: "3d-printer", training: "printing", policy: {} },
  // The bench has no start button: the saw starts when the card is in.
  { id: "saw-1", name: "Band saw", preset: "saw", training: "saw", policy: { startButton: false } },
];

export const trainingPlans = [
  { number: 1, slug: "laser", name: "Laser cutter", url: "https://makerspace.example/laser" },
  { number: 2, slug: "printing", name: "3D printing", url: "https://makerspace.example/printing" },
  { number: 3, slug: "saw", name: "Band saw", url: "https://makerspace.example/saw" },
  { number: 4, slug: "electronics", name: "Electronics bench", url: "" },
] as const;
