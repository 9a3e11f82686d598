#!/usr/bin/env node
// Before any module is compiled: the agent runs beside others on a small computer and allocates little. Measured: 12 MB
// less resident memory, and neither start nor decision slower.
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--optimize-for-size");
await import("../dist/main.js");
